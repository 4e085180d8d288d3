import { hash } from 'node:crypto';
import type pg from 'pg';
import { type ArrayType, encodeArray, encodeValue } from '../platform/binary-array.ts';
import { variesIn } from '../platform/rows.ts';
import { type Arrival, needsDelivery } from './arrival.ts';

export type StoredRow = { provider: string; id: number; dedupKey: string };

/** In the order of their parameters. */
const COLUMNS = {
  key: 'uuid',
  provider: 'text',
  dedup_key: 'text',
  body_hash: 'bytea',
  kind: 'text',
  provider_type: 'text',
  transaction_id: 'text',
  subscription_id: 'text',
  user_id: 'text',
  amount_minor: 'bigint',
  currency: 'text',
  payer_country: 'text',
  plan: 'text',
  occurred_at: 'timestamptz',
  facts: 'jsonb',
  country: 'text',
  late: 'boolean',
  received_at: 'timestamptz',
  state: 'text',
  content_encoding: 'text',
  headers: 'jsonb',
  body_at: 'int',
  body_length: 'int',
} as const satisfies Record<string, ArrayType>;
type Name = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as Name[];

/**
 * What the webhooks of one moment mostly have in common: where all of them have a group's columns in common these travel once, for the
 * server takes each array apart into a table of its own. By group, so that there are eight statements to plan and not thousands.
 */
const COMMON: Name[][] = [
  ['provider', 'currency', 'late', 'content_encoding', 'headers'],
  ['kind', 'provider_type', 'subscription_id', 'plan', 'state'],
  ['country', 'payer_country'],
];

type Row = Record<Name, unknown>;
type Statement = { name: string; text: string; common: Set<Name> };

/**
 * One statement for all webhooks of the moment: one commit, one fsync. It is sent by name, so that the server plans it once,
 * and with binary parameters, which cost neither side any escaping. Rows go in sorted by key: unsorted batches of two replicas
 * deadlocked. What it answers is the place of each new row among those it was given.
 */
function describeInsertion(groups: boolean[]): Statement {
  const common = new Set(COMMON.filter((_, i) => groups[i]).flat());
  const parameters = new Map(NAMES.map((name, i) => [name, `$${i + 4}::${COLUMNS[name]}`]));
  const varying = NAMES.filter((name) => !common.has(name));
  const text = `
  with input as materialized (
    select ${NAMES.map((name) => (common.has(name) ? `${parameters.get(name)} as ${name}` : name)).join(', ')}, place
    from unnest(${varying.map((name) => `${parameters.get(name)}[]`).join(', ')})
      with ordinality as i(${varying.join(', ')}, place)
  ), arrived as (
    insert into event_arrival (key, event_id)
    select key, nextval('event_id_seq') from input order by provider, dedup_key
    on conflict (key) do nothing
    returning key, event_id
  ), fresh as materialized (
    select a.event_id, i.* from arrived a join input i using (key)
  ), stored as (
    insert into event (id, provider, dedup_key, body_hash, kind, provider_type, transaction_id, subscription_id, user_id,
      amount_minor, currency, payer_country, plan, occurred_at, facts, country, late, received_at, due_at, state)
    select event_id, provider, dedup_key, body_hash, kind, provider_type, transaction_id, subscription_id, user_id,
      amount_minor, currency, payer_country, plan, occurred_at, facts, country, late, received_at, received_at, state
    from fresh
  ), kept as (
    insert into payload (provider, event_id, month, content_encoding, headers, body)
    select provider, event_id, date_trunc('month', received_at at time zone 'utc')::date, content_encoding,
      headers, substring($1::bytea from body_at + 1 for body_length)
    from fresh
  ), counted as (
    update counter set
      received = received + $2::int + $3::int,
      duplicate = duplicate + $2::int + $3::int - (select count(*) from fresh)
    where shard = pg_backend_pid() % 64
  )
  select place, event_id as id from fresh`;
  return { name: `insert-arrivals-${groups.map(Number).join('')}`, text, common };
}

const statements = new Map<string, Statement>();

function statementFor(columns: Record<Name, unknown[]>): Statement {
  const groups = COMMON.map((names) => !names.some((name) => variesIn(columns[name])));
  const known = statements.get(groups.join());
  if (known) return known;
  const statement = describeInsertion(groups);
  statements.set(groups.join(), statement);
  return statement;
}

/**
 * Stores the arrivals whose keys are new and answers those; the others are duplicates. `repeats` more copies of them came in
 * the same moment and are counted with them.
 */
export async function insertArrivals(pool: pg.Pool, arrivals: Arrival[], repeats: number): Promise<StoredRow[]> {
  let at = 0;
  const rows = arrivals.map((arrival) => {
    const row = toRow(arrival, at);
    at += arrival.body.length;
    return row;
  });
  const bodies = Buffer.concat(arrivals.map((arrival) => arrival.body));
  const columns = Object.fromEntries(NAMES.map((name) => [name, rows.map((row) => row[name])])) as Record<
    Name,
    unknown[]
  >;
  const { name, text, common } = statementFor(columns);
  const values = NAMES.map((column) =>
    common.has(column)
      ? encodeValue(columns[column][0], COLUMNS[column])
      : encodeArray(columns[column], COLUMNS[column]),
  );
  const result = await pool.query<{ place: number; id: number }>({
    name,
    text,
    values: [bodies, repeats, arrivals.length, ...values],
  });
  return result.rows.map(({ place, id }) => {
    const { provider, dedupKey } = arrivals[place - 1]!;
    return { provider, id, dedupKey };
  });
}

function toRow(arrival: Arrival, bodyAt: number): Row {
  if (arrival.content.outcome === 'malformed') throw new Error('a malformed arrival goes in by insertMalformed');
  const { event } = arrival.content;
  return {
    key: eventKey(arrival.provider, arrival.dedupKey),
    provider: arrival.provider,
    dedup_key: arrival.dedupKey,
    body_hash: arrival.bodyHash,
    kind: event.kind,
    provider_type: event.providerType,
    transaction_id: event.transactionId,
    subscription_id: event.subscriptionId,
    user_id: event.userId,
    amount_minor: event.amountMinor,
    currency: event.currency,
    payer_country: event.payerCountry,
    plan: event.plan,
    occurred_at: event.occurredAt,
    facts: event.facts.length ? event.facts : null,
    country: arrival.country,
    late: arrival.late,
    received_at: arrival.receivedAt,
    state: needsDelivery(event) ? 'pending' : 'ignored',
    content_encoding: arrival.contentEncoding,
    headers: arrival.headers,
    body_at: bodyAt,
    body_length: arrival.body.length,
  };
}

/** What `event_key` of the database says. There it is a call for every webhook: the server cannot put its words into the statement. */
export function eventKey(provider: string, dedupKey: string): Buffer {
  return hash('sha256', `${provider} ${dedupKey}`, 'buffer').subarray(0, 16);
}
