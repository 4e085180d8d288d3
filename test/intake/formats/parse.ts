import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type ParsedWebhook, parseWebhook } from '../../../src/intake/formats/parse-webhook.ts';
import type { ProviderConfig } from '../../../src/intake/provider-config.ts';
import type { PaymentEvent } from '../../../src/ledger/payment-event.ts';

type Around = { headers?: Record<string, string>; signedId?: string; unsignedId?: string };

/** Parses a body as `parseWebhook` would get it: an object is sent as JSON, text and bytes as they are. */
export function parse(provider: ProviderConfig, body: unknown, around: Around = {}): ParsedWebhook {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const ids = { signedId: around.signedId ?? null, unsignedId: around.unsignedId ?? null };
  return parseWebhook(provider, { headers: around.headers ?? {}, body: bytes, ids });
}

/** The one event of a body that must hold exactly one. */
export function onlyEvent(provider: ProviderConfig, body: unknown, around: Around = {}): PaymentEvent {
  const parsed = parse(provider, body, around);
  expect(parsed).toMatchObject({ outcome: 'events', events: [{}] });
  return (parsed as Extract<ParsedWebhook, { outcome: 'events' }>).events[0]!;
}

export function sample(path: string): Buffer {
  return readFileSync(new URL(`../../fixtures/events/${path}`, import.meta.url));
}
