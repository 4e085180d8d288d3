import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FORMAT_NAMES, type FormatName } from '../../../src/intake/presets.ts';
import type { PaymentEvent } from '../../../src/ledger/payment-event.ts';
import { provider } from '../provider.ts';
import { parse } from './parse.ts';
import { PROVIDER_SAMPLES } from './provider-samples.ts';

const providerOf = (format: FormatName) => provider({ format });

/** One body or more of each format, to be bent out of shape. */
function bodiesOf(format: FormatName): unknown[] {
  const folder = new URL(`../../fixtures/events/${format}/`, import.meta.url);
  const files = ['generic', 'stripe', 'paddle'].includes(format) ? readdirSync(folder) : [];
  const read = files.map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')));
  return [...read, ...PROVIDER_SAMPLES.filter((each) => each.format === format).map((each) => each.body)];
}

const STRANGE = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>('\0', '\ud800', 'x'.repeat(256), 1e300, -1, 2 ** 53, '', [], {}, null, '2026-02-31'),
);

describe.each(FORMAT_NAMES)('the format %s', (format) => {
  test('reads a sample at all', () => {
    expect(bodiesOf(format).length).toBeGreaterThan(0);
    for (const body of bodiesOf(format)) expect(parse(providerOf(format), body).outcome).toBe('events');
  });

  test('never throws, and never lets through a word that a column could not hold', () => {
    const bytes = fc.uint8Array({ maxLength: 100 }).map((each) => Buffer.from(each));
    const bent = fc.tuple(fc.constantFrom(...bodiesOf(format)), fc.nat(), STRANGE).map(bend);
    const headers = fc.record({ 'x-shopify-topic': fc.string(), 'x-event-name': fc.string() }, { requiredKeys: [] });
    const id = fc.option(fc.string({ unit: 'binary', maxLength: 300 }), { nil: undefined });
    fc.assert(
      fc.property(fc.oneof(bytes, bent, fc.json()), headers, id, id, (body, around, signedId, unsignedId) => {
        const parsed = parse(providerOf(format), body, { headers: around, signedId, unsignedId } as never);
        if (parsed.outcome === 'malformed') expect(parsed.dedupKey).toMatch(/^sha256:[0-9a-f]{64}$/);
        else for (const event of parsed.events) expectStorable(event);
      }),
      { numRuns: 300 },
    );
  });
});

/** Puts a strange value in place of one leaf or branch. */
function bend([body, position, strange]: [unknown, number, unknown]): string {
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const copy = structuredClone(typeof body === 'string' ? objectOf(body) : body) as Record<string, unknown>;
  collect(copy);
  const place = places[position % places.length]!;
  place.holder[place.key] = strange;
  return JSON.stringify(copy);

  function collect(value: unknown) {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push({ holder: value as Record<string, unknown>, key });
      collect((value as Record<string, unknown>)[key]);
    }
  }
}

function objectOf(text: string): unknown {
  return text.startsWith('{') ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
}

function expectStorable(event: PaymentEvent) {
  const { dedupKey, providerType, transactionId, subscriptionId, userId, currency, payerCountry, plan } = event;
  const words = [dedupKey, providerType, transactionId, subscriptionId, userId, currency, payerCountry, plan];
  for (const word of [...words, ...event.facts.map((fact) => fact.effect)]) {
    if (word === null) continue;
    expect(Buffer.byteLength(word)).toBeLessThanOrEqual(255);
    expect(word.isWellFormed() && !word.includes('\0')).toBe(true);
  }
  expect(event.dedupKey).not.toBe('');
  expect(event.amountMinor === null || (Number.isSafeInteger(event.amountMinor) && event.amountMinor >= 0)).toBe(true);
  for (const time of [event.occurredAt, ...event.facts.flatMap(timesOf)]) {
    if (time !== null) expect(time.toISOString()).toMatch(/^\d{4}-/);
  }
  if (event.facts.length > 0) expect(event.transactionId ?? event.subscriptionId).not.toBeNull();
}

function timesOf(fact: PaymentEvent['facts'][number]): (Date | null)[] {
  if (fact.type === 'paid') return [fact.periodStart, fact.periodEnd];
  return fact.type === 'canceled' ? [fact.cancelAt] : [];
}
