import { type Kysely, sql } from 'kysely';
import { expect } from 'vitest';
import { verifyAuditChain } from '../../src/audit/audit-store.ts';
import type { Db } from '../../src/platform/database.ts';
import type { Schema } from '../../src/platform/schema.ts';

/**
 * What DESIGN.md §1 promises of every committed snapshot, asked of the rows themselves: each query lists what breaks a promise,
 * and must find nothing. Called after every fault.
 */
export async function checkPromises(db: Db): Promise<void> {
  const broken = await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((trx) => findBroken(trx));
  expect(broken, 'broken promises').toEqual({});
  expect(await verifyAuditChain(db), 'the chain of the audit log').toMatchObject({ intact: true });
}

type Found = Record<string, unknown>[];

async function findBroken(db: Kysely<Schema>): Promise<Record<string, Found>> {
  const found: Record<string, Found> = {
    'one effect: stored under one key each': await listRepeatedKeys(db),
    'one effect: a revision for each fact at most': await listInflatedRevisions(db),
    'one effect: what is applied has its facts, and only that': await listAppliedWithoutFacts(db),
    'nothing is swallowed: the counters are the rows': await listMiscounts(db),
    'nothing is swallowed: every event has its bytes': await listEventsWithoutBytes(db),
    'a failure reaches a person: dead means an open ticket': await listDeadWithoutOpenTicket(db),
    'a failure reaches a person: a refusal has its ticket': await listRefusalsWithoutTicket(db),
    'one cause is one ticket': await listTwinTickets(db),
    'attempts are numbered from 1 without gaps': await listGaps(db),
    'a state says what it must': await listOddStates(db),
    'what was given by hand was approved, once': await listOddGrants(db),
  };
  return Object.fromEntries(Object.entries(found).filter(([, rows]) => rows.length > 0));
}

async function list(db: Kysely<Schema>, query: ReturnType<typeof sql>): Promise<Found> {
  return (await query.execute(db)).rows.slice(0, 5) as Found;
}

const listRepeatedKeys = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select provider, dedup_key, count(*) from event group by 1, 2 having count(*) > 1
        union all select provider, subject || ' ' || effect, count(*) from fact group by provider, subject, effect having count(*) > 1`,
  );

/** An entitlement is written again only when a fact changed it: more revisions than facts is an effect that came twice. */
const listInflatedRevisions = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select e.user_id, e.feature, e.revision, count(f.*) as facts from entitlement e left join fact f on f.user_id = e.user_id
        group by e.user_id, e.feature, e.revision having e.revision > count(f.*) or e.sent_revision > e.revision`,
  );

const listAppliedWithoutFacts = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select e.provider, e.id, e.state, draft ->> 'effect' as effect
        from event e, jsonb_array_elements(coalesce(e.facts, '[]')) as draft
        where e.state = 'applied' and not exists (
          select from fact f where f.provider = e.provider and f.effect = draft ->> 'effect'
            and f.subject = coalesce(e.transaction_id, 'subscription:' || e.subscription_id) and f.user_id is not null)`,
  );

const listMiscounts = (db: Kysely<Schema>) =>
  list(
    db,
    sql`with c as (
          select sum(received) as received, sum(stored) as stored, sum(duplicate) as duplicate, sum(refused) as refused,
            sum(applied) as applied, sum(ignored) as ignored, sum(waiting) as waiting, sum(dead) as dead, sum(overridden) as overridden
          from counter
        ), r as (
          select count(*) as stored, count(*) filter (where state = 'applied') as applied,
            count(*) filter (where state = 'ignored') as ignored,
            count(*) filter (where state in ('pending', 'retrying')) as waiting,
            count(*) filter (where state = 'dead') as dead, count(*) filter (where state = 'overridden') as overridden
          from event
        )
        select to_json(c) as counted, to_json(r) as found from c, r
        where c.received <> c.stored + c.duplicate + c.refused
          or (c.stored, c.applied, c.ignored, c.waiting, c.dead, c.overridden)
            <> (r.stored, r.applied, r.ignored, r.waiting, r.dead, r.overridden)
          or c.refused < (select count(*) from refusal)`,
  );

const listEventsWithoutBytes = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select e.provider, e.id from event e where not exists (
          select from payload p where p.provider = e.provider and p.event_id = e.id)`,
  );

const listDeadWithoutOpenTicket = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select e.provider, e.id, e.reason, t.id as ticket, t.state from event e
        left join ticket t on t.id = e.ticket_id left join ticket heir on heir.id = t.merged_into
        where e.state = 'dead' and e.settled_by is null
          and coalesce(heir.state, t.state, 'none') not in ('open', 'acknowledged', 'snoozed')`,
  );

const listRefusalsWithoutTicket = (db: Kysely<Schema>) =>
  list(db, sql`select r.id from refusal r left join ticket t on t.id = r.ticket_id where t.id is null`);

const listTwinTickets = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select fingerprint, count(*) from ticket where state not in ('resolved', 'merged') group by 1 having count(*) > 1`,
  );

const listGaps = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select e.provider, e.id, e.attempts, count(a.*) as rows, max(a.n) as last, e.tries from event e
        left join attempt a on a.provider = e.provider and a.event_id = e.id
        group by e.provider, e.id
        having e.attempts <> count(a.*) or e.attempts <> coalesce(max(a.n), 0) or e.tries > e.attempts`,
  );

/** Every override in force is one fact, taken back if it was; and no fact of a hand is without its override. */
const listOddGrants = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select o.id, o.state, count(f.*) filter (where f.effect = 'granted') as granted, count(f.*) filter (where f.effect = 'taken_back') as taken
        from override o left join fact f on f.provider = 'override' and f.subject = 'override:' || o.id
        group by o.id
        having count(f.*) filter (where f.effect = 'granted') <> (o.executed_at is not null)::int
          or count(f.*) filter (where f.effect = 'taken_back') <> (o.state = 'reverted')::int
        union all select null, f.subject, null, null from fact f where f.provider = 'override'
          and not exists (select from override o where f.subject = 'override:' || o.id)`,
  );

const listOddStates = (db: Kysely<Schema>) =>
  list(
    db,
    sql`select provider, id, state, reason from event
        where (settled_by is not null and state <> 'dead') or (state = 'applied' and finished_at is null)
          or (state in ('pending', 'retrying') and finished_at is not null)`,
  );
