import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readConservation } from '../ledger/conservation-query.ts';
import { parseEventId } from '../ledger/event-id.ts';
import { errorBody } from '../platform/http-server.ts';
import type { ApiDeps } from './api-deps.ts';
import { carriesToken } from './bearer.ts';
import { listBreakerViews } from './breaker-view.ts';
import { registerCustomerLinks } from './customer-link-routes.ts';
import { isDatabaseAway } from './database-away.ts';
import { getUserView } from './entitlement-view.ts';
import { findEventView } from './event-view.ts';
import { registerOfrep } from './ofrep-routes.ts';
import { findPaymentView } from './payment-view.ts';

/**
 * What the product's backend asks. An id is the whole rest of its path: a wildcard, because a named parameter has a limit of
 * length that the server sets, and because the OpenFeature provider does not encode a flag's key.
 */
export function registerApi(app: FastifyInstance, deps: ApiDeps): void {
  app.register(async (api) => {
    api.addHook('onRequest', async (request, reply) => {
      if (!carriesToken(request.headers.authorization, deps.apiToken)) return askForToken(reply);
    });
    api.setErrorHandler(tellDatabaseAway);
    api.register(async (reads) => registerReads(reads, deps));
    api.register(async (links) => registerCustomerLinks(links, deps));
    api.register(async (ofrep) => registerOfrep(ofrep, deps));
  });
}

function askForToken(reply: FastifyReply): FastifyReply {
  reply.header('www-authenticate', 'Bearer');
  return reply.code(401).send(errorBody(401, 'this needs the header Authorization: Bearer <API_TOKEN>'));
}

type Named = { '*': string };

function registerReads(reads: FastifyInstance, deps: ApiDeps): void {
  const { db, clock, plans } = deps;
  // Whether somebody has what they paid for may change the moment it was read.
  reads.addHook('onSend', async (_request, reply) => void reply.header('cache-control', 'no-store'));

  reads.get<{ Params: Named & { provider: string } }>('/api/payments/:provider/*', async (request, reply) => {
    const { provider, '*': transactionId } = request.params;
    const payment = await findPaymentView(db, provider, transactionId, clock.now(), plans);
    return payment ?? answerNotFound(reply, 'no event of this provider tells of such a transaction');
  });

  reads.get<{ Params: Named }>('/api/entitlements/*', async (request, reply) => {
    const userId = request.params['*'];
    if (userId === '') return answerNotFound(reply, 'the path names no user');
    return getUserView(db, userId, plans, clock.now());
  });

  reads.get<{ Params: Named }>('/api/events/*', async (request, reply) => {
    const key = parseEventId(request.params['*']);
    const event = key && (await findEventView(db, key, clock.now()));
    return event ?? answerNotFound(reply, 'there is no such event; its id is <provider>.<number>');
  });

  reads.get('/api/conservation', async () => readConservation(db));

  reads.get('/api/breakers', async () => ({ breakers: await listBreakerViews(deps) }));
}

function answerNotFound(reply: FastifyReply, message: string): FastifyReply {
  return reply.code(404).send(errorBody(404, message));
}

/** What is thrown on from here is logged and answered by the server's own handler, which knows 503 but not our database. */
function tellDatabaseAway(error: unknown, _request: FastifyRequest, reply: FastifyReply): never {
  if (!isDatabaseAway(error)) throw error;
  reply.header('retry-after', '3');
  throw Object.assign(new Error('the database is away', { cause: error }), { statusCode: 503 });
}
