import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { knownFeatures } from '../entitlement/plans.ts';
import { errorBody } from '../platform/http-server.ts';
import type { ApiDeps } from './api-deps.ts';
import { listEntitlements } from './entitlement-query.ts';
import { entityTagOf, matchesEntityTag } from './entity-tag.ts';
import { isFeatureOfAnybody, listFeaturesOfAnybody } from './feature-query.ts';
import { evaluateFlag, evaluateFlags, type FlagEvaluation } from './flag-evaluation.ts';
import { type OfrepErrorCode, readOfrepRequest } from './ofrep-request.ts';
import { canBeStored } from './storable-text.ts';

type Deps = Omit<ApiDeps, 'apiToken'>;

type Failure = { errorCode: OfrepErrorCode; errorDetails: string };

/** The OpenFeature Remote Evaluation Protocol: the flag's key is the feature, `targetingKey` the user. */
export function registerOfrep(ofrep: FastifyInstance, deps: Deps): void {
  // The body is read as text whatever it claims to be: what is no JSON has an answer of the protocol, not of the framework.
  ofrep.removeAllContentTypeParsers();
  ofrep.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  ofrep.setErrorHandler(answerFailure);

  ofrep.post<{ Params: { '*': string } }>('/ofrep/v1/evaluate/flags/*', async (request, reply) => {
    const key = request.params['*'];
    const asked = readOfrepRequest(bodyOf(request));
    if (asked.outcome === 'refused') return reply.code(400).send({ key, ...failureOf(asked) });
    const flag = await findFlag(deps, key, asked.targetingKey);
    return flag ?? reply.code(404).send({ key, errorCode: 'FLAG_NOT_FOUND', errorDetails: 'no plan has this feature' });
  });

  ofrep.post('/ofrep/v1/evaluate/flags', async (request, reply) => {
    const asked = readOfrepRequest(bodyOf(request));
    if (asked.outcome === 'refused') return reply.code(400).send(failureOf(asked));
    const body = JSON.stringify({ flags: await listFlags(deps, asked.targetingKey) });
    const tag = entityTagOf(body);
    reply.header('etag', tag);
    if (matchesEntityTag(request.headers['if-none-match'], tag)) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });
}

function bodyOf(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : '';
}

function failureOf({ errorCode, errorDetails }: Failure): Failure {
  return { errorCode, errorDetails };
}

/** Null when there is no such flag: nobody's plan grants it, and nobody has it or ever had it. */
async function findFlag(deps: Deps, key: string, userId: string): Promise<FlagEvaluation | null> {
  const entitlements = canBeStored(userId) ? await listEntitlements(deps.db, userId) : [];
  const entitlement = entitlements.find(({ feature }) => feature === key);
  const known = entitlement !== undefined || (await isKnownFeature(deps, key));
  return known ? evaluateFlag(key, entitlement, deps.clock.now()) : null;
}

async function isKnownFeature({ db, plans }: Deps, feature: string): Promise<boolean> {
  if (knownFeatures(plans).includes(feature)) return true;
  return canBeStored(feature) && isFeatureOfAnybody(db, feature);
}

async function listFlags({ db, plans, clock }: Deps, userId: string): Promise<FlagEvaluation[]> {
  const entitlements = canBeStored(userId) ? await listEntitlements(db, userId) : [];
  const features = [...knownFeatures(plans), ...(await listFeaturesOfAnybody(db))];
  return evaluateFlags(features, entitlements, clock.now());
}

/** What the caller did wrong is told in the protocol's words; what went wrong here is the same on every route. */
function answerFailure(error: unknown, _request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { statusCode = 500 } = error as { statusCode?: number };
  if (statusCode < 400 || statusCode >= 500) throw error;
  return reply.code(statusCode).send({ errorCode: 'GENERAL', errorDetails: errorBody(statusCode).message });
}
