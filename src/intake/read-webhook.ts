import { hash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Arrival } from '../ledger/arrival.ts';
import type { PaymentEvent } from '../ledger/payment-event.ts';
import type { Schema } from '../platform/schema.ts';
import { bodyKey } from './dedup-key.ts';
import { parseWebhook } from './formats/parse-webhook.ts';
import { inflateBody } from './inflate.ts';
import type { ProviderConfig } from './provider-config.ts';
import { findHeader, type ReceivedWebhook, type WebhookHeaders } from './signature/verdict.ts';

/** A webhook whose signature is right, and what the verifier learnt of it. */
export type VerifiedWebhook = {
  webhook: ReceivedWebhook;
  ids: { signedId: string | null; unsignedId: string | null };
  country: string | null;
  late: boolean;
};

/** What goes into the ledger for it: one arrival, or one for each item of a batch. Never throws, whatever the bytes are. */
export function readWebhook(provider: ProviderConfig, verified: VerifiedWebhook): Arrival[] {
  const { webhook, country, late } = verified;
  const bodyHash = hash('sha256', webhook.body, 'buffer');
  const contentEncoding = findHeader(webhook.headers, 'content-encoding');
  const headers = keptHeaders(webhook.headers, verified.ids);
  const base = { provider: provider.name, body: webhook.body, contentEncoding, headers, country, late };
  const common = { ...base, receivedAt: webhook.receivedAt };
  const reading = readBytes(provider, webhook.body, contentEncoding, webhook.headers, verified.ids);
  if (reading.outcome === 'malformed') {
    const { message } = reading;
    return [{ ...common, bodyHash, dedupKey: bodyKey(webhook.body), content: { outcome: 'malformed', message } }];
  }
  const { events } = reading;
  return events.map((event) => {
    const ownHash = events.length > 1 || provider.format === 'adyen' ? itemHash(event) : bodyHash;
    return { ...common, bodyHash: ownHash, dedupKey: event.dedupKey, content: { outcome: 'event', event } };
  });
}

type Reading = { outcome: 'events'; events: PaymentEvent[] } | { outcome: 'malformed'; message: string };

function readBytes(
  provider: ProviderConfig,
  body: Buffer,
  contentEncoding: string | null,
  headers: WebhookHeaders,
  ids: VerifiedWebhook['ids'],
): Reading {
  const inflated = inflateBody(body, contentEncoding ?? undefined);
  if (!inflated.ok) return { outcome: 'malformed', message: `the body does not inflate: ${inflated.reason}` };
  return parseWebhook(provider, { headers, body: inflated.body, ids });
}

/** A provider that batches sends an item again in another batch: its identity is what it says, not the bytes around it. */
function itemHash(event: PaymentEvent): Buffer {
  return hash('sha256', JSON.stringify(event), 'buffer');
}

/** Headers that say what the body is about. Signatures, cookies and authorisation are not among them. */
const READ_HEADERS = ['content-type', 'x-shopify-topic', 'x-event-name', 'x-github-event'];
const SIGNED_ID = 'signed-id';
const UNSIGNED_ID = 'unsigned-id';

function keptHeaders(headers: WebhookHeaders, ids: VerifiedWebhook['ids']): Record<string, string> | null {
  const kept: Record<string, string> = {};
  for (const name of READ_HEADERS) {
    const value = findHeader(headers, name);
    if (value !== null && value !== 'application/json') kept[name] = value;
  }
  if (ids.signedId !== null) kept[SIGNED_ID] = ids.signedId;
  if (ids.unsignedId !== null) kept[UNSIGNED_ID] = ids.unsignedId;
  return Object.keys(kept).length ? kept : null;
}

/** Reads the kept bytes of an event again, by the provider's settings and formats as they are now. */
export async function readKeptWebhook(
  db: Kysely<Schema>,
  providers: ProviderConfig[],
  event: { provider: string; id: number },
): Promise<{ outcome: 'event'; event: PaymentEvent } | { outcome: 'malformed'; message: string }> {
  const provider = providers.find((one) => one.name === event.provider);
  if (!provider) return { outcome: 'malformed', message: `${event.provider} is not configured any more` };
  const kept = await findPayload(db, event);
  if (!kept) return { outcome: 'malformed', message: 'its bytes are no longer kept' };
  const ids = { signedId: kept.headers?.[SIGNED_ID] ?? null, unsignedId: kept.headers?.[UNSIGNED_ID] ?? null };
  const reading = readBytes(provider, kept.body, kept.contentEncoding, kept.headers ?? {}, ids);
  if (reading.outcome === 'malformed') return reading;
  const [first, ...others] = reading.events;
  if (first && others.length === 0) return { outcome: 'event', event: first };
  // One row cannot become several; none of them may be lost without a word.
  return {
    outcome: 'malformed',
    message: `${reading.events.length} events are in it: have the provider send it again`,
  };
}

type Payload = { body: Buffer; contentEncoding: string | null; headers: Record<string, string> | null };

async function findPayload(db: Kysely<Schema>, event: { provider: string; id: number }): Promise<Payload | null> {
  const { rows } = await sql<Payload>`
    select p.body, p.content_encoding as "contentEncoding", p.headers
    from event e join payload p on p.provider = e.provider and p.event_id = e.id
      and p.month = date_trunc('month', e.received_at at time zone 'utc')::date
    where e.provider = ${event.provider} and e.id = ${event.id}`.execute(db);
  return rows[0] ?? null;
}
