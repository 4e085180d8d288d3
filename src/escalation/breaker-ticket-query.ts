import { sql } from 'kysely';
import type { Reader } from '../platform/snapshot.ts';
import { breakerCause, fingerprintOf } from './fingerprint.ts';
import type { TicketBreaker } from './ticket-view.ts';

/** The open ticket of the dependency's breaker, while that is not closed: the ticket of all its failures. */
export async function findHeir(db: Reader, dependency: string): Promise<number | null> {
  const { rows } = await sql<{ id: number }>`
    select t.id from ticket t join breaker b on b.name = t.dependency
    where t.fingerprint = ${fingerprintOf(breakerCause(dependency))} and t.state not in ('resolved', 'merged')
      and b.state <> 'closed'`.execute(db);
  return rows[0]?.id ?? null;
}

/** Whether the ticket is of a breaker that is not closed. */
export async function isBreakerHoldingOn(db: Reader, ticketId: number): Promise<boolean> {
  const { rows } = await sql`
    select 1 from ticket t join breaker b on b.name = t.dependency
    where t.id = ${ticketId} and t.stage = 'breaker' and b.state <> 'closed'`.execute(db);
  return rows.length > 0;
}

/** The breakers that some of the tickets are about, by ticket. */
export async function readTicketBreakers(db: Reader, ticketIds: number[]): Promise<Map<number, TicketBreaker>> {
  const { rows } = await sql<TicketBreaker & { ticketId: number }>`
    select t.id as "ticketId", b.name, b.state, b.epoch, b.forced_until as "forcedUntil",
      case when b.state in ('closed', 'forced_closed') then b.entered_at else coalesce(down.since, b.entered_at) end as since,
      case b.state when 'open' then greatest(b.open_until, b.not_before) when 'half_open' then greatest(b.entered_at, b.not_before)
        when 'forced_open' then b.forced_until end as "nextProbeAt",
      case when opening.epoch is not null then json_build_object('reason', opening.reason, 'note', opening.note,
        'actor', opening.actor, 'evidence', opening.evidence) end as opening,
      coalesce(told.waiting, 0) as waiting, coalesce(told.people, 0) as people
    from ticket t
    join breaker b on b.name = t.dependency
    left join breaker_told told on told.name = b.name
    left join lateral (
      select * from breaker_transition where name = b.name and to_state in ('open', 'forced_open') order by epoch desc limit 1
    ) opening on true
    left join lateral (
      select min(at) as since from breaker_transition where name = b.name and to_state in ('open', 'forced_open')
        and epoch > coalesce((select max(epoch) from breaker_transition
                              where name = b.name and to_state in ('closed', 'forced_closed')), 0)
    ) down on true
    where t.id = any(${ticketIds}::bigint[]) and t.stage = 'breaker'`.execute(db);
  return new Map(rows.map(({ ticketId, ...breaker }) => [ticketId, breaker]));
}
