import { resolveDoneTickets } from '../escalation/open-ticket.ts';
import { appendLog, markPicture } from '../escalation/ticket-store.ts';
import type { Stored } from '../ledger/arrival.ts';
import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import { open, SealError, type SealKeys } from '../platform/seal.ts';
import type { EventWriter } from './event-writer.ts';
import type { ProviderConfig } from './provider-config.ts';
import { readWebhook } from './read-webhook.ts';
import { type KeptRefusal, listUnverifiedRefusals, markVerified } from './refusal-store.ts';
import { unpackWebhook } from './refusals.ts';
import { isAcceptable } from './signature/acceptance.ts';
import { verifyWebhook } from './signature/verify.ts';

export type VerifyAgainReport = {
  tried: number;
  accepted: number;
  stillRefused: number;
  /** What still speaks against the others, and how often. */
  causes: Record<string, number>;
};

export type VerifyAgainDeps = { db: Db; providers: ProviderConfig[]; secretKeys: SealKeys; writer: EventWriter };

/**
 * Verifies a ticket's refused webhooks by the secrets as they are now, with the time at which each arrived, and takes those in
 * that are right. Whoever calls this wakes 'event' afterwards.
 */
export async function verifyAgain(
  deps: VerifyAgainDeps,
  request: { ticketId: number; actor: Actor },
): Promise<VerifyAgainReport> {
  const report: VerifyAgainReport = { tried: 0, accepted: 0, stillRefused: 0, causes: {} };
  for await (const refusal of unverified(deps.db, request.ticketId)) {
    report.tried += 1;
    const cause = await takeIn(deps, refusal);
    if (cause === null) report.accepted += 1;
    else {
      report.stillRefused += 1;
      report.causes[cause] = (report.causes[cause] ?? 0) + 1;
    }
  }
  await tellTicket(deps.db, request, report);
  return report;
}

/** A week of a forger's refusals would not fit into memory: at most 64 kB each, page by page. */
const PAGE = 100;

async function* unverified(db: Db, ticketId: number): AsyncGenerator<KeptRefusal> {
  for (let afterId = 0; ; ) {
    const page = await listUnverifiedRefusals(db, ticketId, { afterId, limit: PAGE });
    yield* page;
    if (page.length < PAGE) return;
    afterId = page.at(-1)!.id;
  }
}

/** Null when it was taken in, and otherwise what still speaks against it. */
async function takeIn(deps: VerifyAgainDeps, refusal: KeptRefusal): Promise<string | null> {
  const provider = deps.providers.find((one) => one.name === refusal.provider);
  if (!provider) return 'provider_not_configured';
  if (!refusal.sealed) return 'bytes_not_kept';
  const bytes = findSealed(deps.secretKeys, refusal.sealed);
  if (!bytes) return 'sealed_with_another_key';
  const webhook = unpackWebhook(bytes, refusal.receivedAt);
  const verdict = verifyWebhook(provider, webhook);
  const acceptance = isAcceptable(provider, verdict);
  if (acceptance === 'refused') return verdict.valid ? 'refused' : verdict.cause;
  const ids = { signedId: verdict.signedId, unsignedId: verdict.unsignedId };
  const arrivals = readWebhook(provider, { webhook, ids, country: refusal.country, late: acceptance === 'late' });
  const stored = await Promise.all(arrivals.map((arrival) => deps.writer.submit(arrival)));
  await deps.db.transaction().execute((trx) => markVerified(trx, refusal.id, stored[0] as Stored));
  return null;
}

/** Null when the key is no longer in SECRET_KEY: one such refusal does not stop the others. */
function findSealed(keys: SealKeys, sealed: Buffer): Buffer | null {
  try {
    return open(keys, sealed);
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}

async function tellTicket(
  db: Db,
  request: { ticketId: number; actor: Actor },
  report: VerifyAgainReport,
): Promise<void> {
  const { actor, ticketId } = request;
  const text = `${actor.name} verified again: ${report.accepted} accepted, ${report.stillRefused} still refused`;
  await db.transaction().execute(async (trx) => {
    await markPicture(trx, ticketId, { by: 'person' });
    await appendLog(trx, { ticketId, kind: 'verified', actor: actor.name, text, now: null });
    if (report.accepted > 0) await resolveDoneTickets(trx, [ticketId], 'person');
  });
}
