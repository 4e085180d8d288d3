import { openOperationalTicket, resolveDoneTickets } from '../escalation/open-ticket.ts';
import type { Db } from '../platform/database.ts';
import { listOpenOutages, listRefusedProviders, type Outage, type Traffic } from './provider-outage-store.ts';

/** Fewer webhooks refused than this in five minutes may be anybody's. */
const REFUSED_MIN = 20;
/** A provider that is seldom heard of is not missed. */
const BEFORE_MIN = 20;

/**
 * Everything that came from the provider was refused, and what it used to send is missing: it is not somebody who forges webhooks beside
 * it, but all of it. While the product is away nothing ends either, so nothing is concluded then.
 */
export function isWholeOutage({ refused, ended, endedBefore, productAway }: Traffic): boolean {
  return !productAway && refused >= REFUSED_MIN && ended === 0 && endedBefore >= BEFORE_MIN;
}

/** A webhook of it was verified and delivered since. */
function isOver({ endedSince }: Outage): boolean {
  return endedSince > 0;
}

export type OutageCounts = { opened: number; resolved: number };

/** Opens a ticket for a provider of which nothing is accepted any more, and ends it when something is again. Any replica may. */
export async function watchProvidersOnce(db: Db, now: Date | null = null): Promise<OutageCounts> {
  const counts: OutageCounts = { opened: 0, resolved: 0 };
  const open = await listOpenOutages(db);
  for (const outage of open.filter(isOver)) counts.resolved += await resolve(db, outage.ticketId, now);
  const known = new Set(open.map(({ provider }) => provider));
  for (const traffic of await listRefusedProviders(db, now)) {
    if (known.has(traffic.provider) || !isWholeOutage(traffic)) continue;
    counts.opened += (await openOutage(db, traffic, now)) ? 1 : 0;
  }
  return counts;
}

/** P2, for those who pay meanwhile get nothing; the refusals' own tickets are P3, so this one stands for them. */
async function openOutage(db: Db, { provider, refused }: Traffic, now: Date | null): Promise<boolean> {
  const text = `${refused} webhooks refused in five minutes and none accepted`;
  const finding = {
    stage: 'provider',
    source: provider,
    errorFamily: 'all webhooks refused',
    severity: 'P2',
    text,
  } as const;
  return (await openOperationalTicket(db, finding, now)).opened;
}

async function resolve(db: Db, ticketId: number, now: Date | null): Promise<number> {
  const done = await db.transaction().execute((trx) => resolveDoneTickets(trx, [ticketId], 'itself', now));
  return done.length;
}
