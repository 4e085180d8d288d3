import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readConservation } from '../ledger/conservation-query.ts';
import { parseEventId } from '../ledger/event-id.ts';
import type { ApiDeps } from './api-deps.ts';
import { type ApiError, describeFailure, notFound, UNAUTHORIZED } from './api-error.ts';
import { carriesToken } from './bearer.ts';
import { getUserView } from './entitlement-view.ts';
import { findEventView } from './event-view.ts';
import { registerOfrep } from './ofrep-routes.ts';
import { findPaymentView } from './payment-view.ts';

/**
 * What the product's backend reads. An id is the whole rest of its path: a wildcard, because a named parameter ends at 100
 * characters unless the server is told otherwise, and because the OpenFeature provider does not encode a flag's key.
 */
export function registerApi(app: FastifyInstance, deps: ApiDeps): void {
  app.register(async (api) => {
    api.addHook('onRequest', async (request, reply) => {
      if (!carriesToken(request.headers.authorization, deps.apiToken)) return refuse(reply, UNAUTHORIZED);
    });
    api.register(async (reads) => registerReads(reads, deps));
    api.register(async (ofrep) => registerOfrep(ofrep, deps));
  });
}

type Named = { '*': string };

function registerReads(reads: FastifyInstance, deps: ApiDeps): void {
  const { db, clock, plans } = deps;
  // Whether somebody has what they paid for may change the moment it was read.
  reads.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));
  reads.setErrorHandler(answerFailure);

  reads.get<{ Params: Named & { provider: string } }>('/api/payments/:provider/*', async (request, reply) => {
    const { provider, '*': transactionId } = request.params;
    const payment = await findPaymentView(db, provider, transactionId, clock.now(), plans);
    return payment ?? refuse(reply, notFound(`no event of ${provider} tells of this transaction`));
  });

  reads.get<{ Params: Named }>('/api/entitlements/*', async (request, reply) => {
    const userId = request.params['*'];
    if (userId === '') return refuse(reply, notFound('the path names no user'));
    return getUserView(db, userId, plans, clock.now());
  });

  reads.get<{ Params: Named }>('/api/events/*', async (request, reply) => {
    const key = parseEventId(request.params['*']);
    const event = key && (await findEventView(db, key, clock.now()));
    return event ?? refuse(reply, notFound('there is no such event; its id is <provider>.<number>'));
  });

  reads.get('/api/conservation', async () => readConservation(db));
}

function refuse(reply: FastifyReply, { statusCode, error, message }: ApiError): FastifyReply {
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(statusCode).send({ error, message });
}

function answerFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const failure = describeFailure(error);
  if (failure.statusCode >= 500) request.log.error({ err: error }, 'a read for the product failed');
  if (failure.statusCode === 503) reply.header('retry-after', '3');
  return refuse(reply, failure);
}
