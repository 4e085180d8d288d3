import { checkConservation } from '../src/ledger/conservation-query.ts';
import { createDb, createPool, type Db } from '../src/platform/database.ts';
import type { EventState } from '../src/platform/schema.ts';

/** Speed that lost or swallowed something is none: throws unless exactly these events are there and the counters agree with the rows. */
export async function assertLedger(databaseUrl: string, expected: Partial<Record<EventState, number>>): Promise<void> {
  const db = createDb(createPool(databaseUrl, { max: 2, name: 'bench-check', statementTimeoutMs: 120_000 }));
  try {
    const found = JSON.stringify(await countStates(db));
    if (found !== JSON.stringify(expected))
      throw new Error(`the ledger holds ${found} and not ${JSON.stringify(expected)}`);
    const { balanced, differences } = await checkConservation(db);
    if (!balanced) throw new Error(`the ledger does not balance: ${JSON.stringify(differences)}`);
  } finally {
    await db.destroy();
  }
}

async function countStates(db: Db): Promise<Record<string, number>> {
  const rows = await db
    .selectFrom('event')
    .select(({ fn }) => ['state', fn.countAll<number>().as('events')])
    .groupBy('state')
    .orderBy('state')
    .execute();
  return Object.fromEntries(rows.map(({ state, events }) => [state, events]));
}
