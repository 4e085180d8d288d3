import { resolveDoneTickets } from '../escalation/open-ticket.ts';
import { appendLog, markPicture } from '../escalation/ticket-store.ts';
import type { Stored } from '../ledger/arrival.ts';
import type { Actor } from '../people/person.ts';
import type { Db } from '../platform/database.ts';
import { open, type SealKeys } from '../platform/seal.ts';
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
  for (const refusal of await listUnverifiedRefusals(deps.db, request.ticketId)) {
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

/** Null when it was taken in, and otherwise what still speaks against it. */
async function takeIn(deps: VerifyAgainDeps, refusal: KeptRefusal): Promise<string | null> {
  const provider = deps.providers.find((one) => one.name === refusal.provider);
  if (!provider) return 'provider_not_configured';
  if (!refusal.sealed) return 'bytes_not_kept';
  const webhook = unpackWebhook(open(deps.secretKeys, refusal.sealed), refusal.receivedAt);
  const verdict = verifyWebhook(provider, webhook);
  const acceptance = isAcceptable(provider, verdict);
  if (acceptance === 'refused') return verdict.valid ? 'refused' : verdict.cause;
  const ids = { signedId: verdict.signedId, unsignedId: verdict.unsignedId };
  const arrivals = readWebhook(provider, { webhook, ids, country: refusal.country, late: acceptance === 'late' });
  const stored = await Promise.all(arrivals.map((arrival) => deps.writer.submit(arrival)));
  await deps.db.transaction().execute((trx) => markVerified(trx, refusal.id, stored[0] as Stored));
  return null;
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
