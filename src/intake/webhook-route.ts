import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Arrival, Stored } from '../ledger/arrival.ts';
import { formatEventId } from '../ledger/event-id.ts';
import type { Clock } from '../platform/clock.ts';
import type { Geo } from '../platform/geo.ts';
import { QueueFullError } from '../platform/group-commit.ts';
import { errorBody } from '../platform/http-server.ts';
import type { Logger } from '../platform/log.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Wake } from '../platform/wake.ts';
import type { EventWriter } from './event-writer.ts';
import { acknowledgement } from './presets.ts';
import type { ProviderConfig } from './provider-config.ts';
import { readWebhook } from './read-webhook.ts';
import type { Refusal, RefusalBook } from './refusals.ts';
import { isAcceptable } from './signature/acceptance.ts';
import type { ReceivedWebhook, Verifier } from './signature/verdict.ts';
import { prepareVerifier } from './signature/verify.ts';

export type IntakeDeps = {
  providers: ProviderConfig[];
  writer: EventWriter;
  refusals: RefusalBook;
  clock: Clock;
  geo: Geo;
  wake: Wake;
  log: Logger;
  metrics: Metrics;
};

type Source = { config: ProviderConfig; verify: Verifier; acknowledgement: unknown };

/** What became of a webhook; one table at the end turns it into HTTP. */
type Outcome =
  | { outcome: 'accepted'; stored: Stored; source: Source }
  | { outcome: 'refused' }
  | { outcome: 'unknown_provider' }
  | { outcome: 'unavailable'; reason: 'queue_full' | 'no_commit' };

/** Seconds after which a provider may try again when nothing could be written down. */
const RETRY_AFTER_SECONDS = 2;

/** `POST /webhooks/:provider`: nothing is answered with success before it is committed. */
export function registerWebhookRoute(app: FastifyInstance, deps: IntakeDeps): void {
  const sources = new Map(deps.providers.map((config) => [config.name, prepare(config)]));
  app.register(async (scope) => {
    // The bytes as they came, of whatever type they claim to be: signatures are over bytes, never over what was parsed.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.decorateRequest('receivedAt');
    scope.addHook('onRequest', async (request) => {
      request.receivedAt = deps.clock.now();
      // Fastify answers 415 to what it cannot read as a media type; the signature is over bytes, whatever they are called.
      if (!MEDIA_TYPE.test(request.headers['content-type'] ?? '')) delete request.headers['content-type'];
    });
    scope.post<{ Params: { provider: string } }>('/webhooks/:provider', async (request, reply) => {
      const outcome = await receive(deps, sources.get(request.params.provider), toWebhook(request), request.ip);
      deps.metrics.webhookAnswerSeconds.observe(
        { status: STATUS[outcome.outcome] },
        (deps.clock.now().getTime() - request.receivedAt.getTime()) / 1000,
      );
      return answer(reply, outcome);
    });
  });
}

/** RFC 9110 §8.3.1; what follows the semicolon is nobody's business here. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

declare module 'fastify' {
  interface FastifyRequest {
    /** When the first byte came: the time a signature's age is measured to. */
    receivedAt: Date;
  }
}

function prepare(config: ProviderConfig): Source {
  return { config, verify: prepareVerifier(config), acknowledgement: acknowledgement(config) };
}

function toWebhook(request: FastifyRequest): ReceivedWebhook {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  return { headers: request.headers, body, receivedAt: request.receivedAt };
}

async function receive(
  deps: IntakeDeps,
  source: Source | undefined,
  webhook: ReceivedWebhook,
  address: string,
): Promise<Outcome> {
  if (!source) return { outcome: 'unknown_provider' };
  const verdict = source.verify(webhook);
  const acceptance = isAcceptable(source.config, verdict);
  const country = deps.geo.findCountry(address);
  if (!verdict.valid && acceptance === 'refused') {
    const refusal = deps.refusals.examine(source.config, webhook, verdict, country);
    return unlessAway(deps, () => refuse(deps, refusal, webhook.body.length));
  }
  const ids = { signedId: verdict.signedId, unsignedId: verdict.unsignedId };
  const arrivals = readWebhook(source.config, { webhook, ids, country, late: acceptance === 'late' });
  return unlessAway(deps, () => store(deps, source, arrivals));
}

/** Only of writing down: an error of ours in reading a webhook is a bug, and is logged as one. */
async function unlessAway(deps: IntakeDeps, write: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await write();
  } catch (error) {
    return toUnavailable(deps, error);
  }
}

async function store(deps: IntakeDeps, source: Source, arrivals: Arrival[]): Promise<Outcome> {
  const stored = await Promise.all(arrivals.map((arrival) => deps.writer.submit(arrival)));
  for (const one of stored) count(deps, one);
  return { outcome: 'accepted', stored: stored[0]!, source };
}

function count(deps: IntakeDeps, stored: Stored): void {
  const provider = { provider: stored.provider };
  deps.metrics.webhooksReceived.inc(provider);
  if (stored.outcome === 'stored' || stored.outcome === 'malformed') deps.metrics.eventsStored.inc(provider);
  else deps.metrics.eventsDuplicate.inc(provider);
  if (stored.outcome === 'stored') deps.wake('event');
  if (stored.outcome === 'malformed' || stored.outcome === 'conflict') {
    deps.wake('card');
    deps.log.warn(
      { eventId: formatEventId(stored.provider, stored.id), outcome: stored.outcome },
      'a webhook needs a look',
    );
  }
}

async function refuse(deps: IntakeDeps, refusal: Refusal, bytes: number): Promise<Outcome> {
  await deps.refusals.record(refusal);
  const { provider, cause, country } = refusal;
  deps.metrics.webhooksReceived.inc({ provider });
  deps.metrics.webhooksRefused.inc({ provider, cause, country: country ?? 'unknown' });
  // Beyond this minute's share a forger gets no more of the log than of the disk.
  if (refusal.kept) deps.log.info({ provider, cause, country, bytes }, 'refused a webhook');
  return { outcome: 'refused' };
}

/** The database is away, or slower than a provider waits: nothing was promised, so nothing is lost by saying so. */
function toUnavailable(deps: IntakeDeps, error: unknown): Outcome {
  const reason = error instanceof QueueFullError ? 'queue_full' : 'no_commit';
  deps.metrics.webhooksUnavailable.inc({ reason });
  return { outcome: 'unavailable', reason };
}

const STATUS: Record<Outcome['outcome'], number> = {
  accepted: 200,
  refused: 401,
  unknown_provider: 404,
  unavailable: 503,
};

function answer(reply: FastifyReply, outcome: Outcome): FastifyReply {
  reply.code(STATUS[outcome.outcome]);
  switch (outcome.outcome) {
    case 'accepted':
      return reply.send(outcome.source.acknowledgement ?? describeStored(outcome.stored));
    case 'refused':
      // Not a word more: what exactly was wrong is for the engineers, and would teach a forger.
      return reply.send({ error: 'unauthorized' });
    case 'unknown_provider':
      return reply.send(errorBody(404, 'no provider of this name is configured'));
    case 'unavailable':
      return reply.header('retry-after', RETRY_AFTER_SECONDS).send(errorBody(503));
  }
}

function describeStored(stored: Stored): { received: true; event: string; duplicate: boolean } {
  const duplicate = stored.outcome === 'duplicate' || stored.outcome === 'conflict';
  return { received: true, event: formatEventId(stored.provider, stored.id), duplicate };
}
