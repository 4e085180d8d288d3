import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../database.ts';
import { acknowledge, createSenderHarness, type Harness } from './sender-harness.ts';

const { db } = await createTestDatabase();
const SECOND = 1_000;
const MINUTE = 60_000;

const CAUSES = 40;
const FAILURES = 10_000;
const SECONDS = 300;

/** What the failures of one moment do to their tickets: counts, another sample, and P1 from twenty people on. */
async function fail(ids: number[], each: number): Promise<void> {
  await sql`
    update ticket set failures = failures + ${each}, wanted_revision = wanted_revision + 1, sample_transaction = 'tx' || failures,
      severity = case when failures + ${each} >= 20 then 'P1' else severity end
    where id = any(${ids}::bigint[])`.execute(db);
}

async function listGrave(): Promise<number[]> {
  const rows = await db.selectFrom('ticket').select('id').where('severity', '=', 'P1').orderBy('id').execute();
  return rows.map((row) => row.id);
}

const shows = (chat: Harness, id: number, words: string) =>
  chat.cards().some((card) => card.text.includes(words) && card.text.split('\n')[0]!.endsWith(`T-${id}`));

test('ten thousand failures of forty causes in five minutes: no flood, grave cards and acts at once, and every ticket in the chat', async () => {
  const chat = await createSenderHarness(db);
  const ids: number[] = [];
  const lateActs: number[] = [];
  const graveSeenAfter: number[] = [];
  const becameGrave = new Map<number, number>();
  const perStep = FAILURES / SECONDS;
  let failed = 0;
  for (let second = 0; second < SECONDS; second++) {
    while (ids.length < Math.min(CAUSES, (second + 1) * 2)) {
      ids.push(await chat.openTicket({ errorFamily: `HTTP ${430 + ids.length}`, failures: 0 }));
    }
    const due = Math.round(perStep * (second + 1)) - failed;
    await fail(
      Array.from({ length: due }, (_, i) => ids[(failed + i) % ids.length]!),
      1,
    );
    failed += due;
    for (const id of await listGrave()) if (!becameGrave.has(id)) becameGrave.set(id, second);
    const acted = second % 15 === 7 ? await acknowledgeOne(chat, ids) : null;
    await chat.run();
    if (acted !== null && !shows(chat, acted, 'ACKNOWLEDGED')) lateActs.push(acted);
    if (graveSeenAfter.length === 0)
      for (const [id, since] of becameGrave) if (shows(chat, id, 'P1 ·')) graveSeenAfter.push(second - since);
    chat.pass(SECOND);
  }
  expect(failed).toBe(FAILURES);
  expect(lateActs, 'acts that the card did not show in the same second').toEqual([]);
  expect(graveSeenAfter[0], 'seconds until the first grave card').toBeLessThanOrEqual(1);

  await chat.runFor(2 * MINUTE, SECOND);
  const said = chat.texts().join('\n');
  expect(ids.filter((id) => !said.includes(`T-${id}`))).toEqual([]);
  expect(chat.telegram.refusals).toEqual([]);
}, 120_000);

/** The first card in the chat that nobody has yet. */
async function acknowledgeOne(chat: Harness, ids: number[]): Promise<number | null> {
  const free = ids.find((id) => shows(chat, id, 'UNACKNOWLEDGED'));
  if (free !== undefined) await acknowledge(db, free);
  return free ?? null;
}

test('a card that has become grave says so although the chat’s counters have used up their edits', async () => {
  const chat = await createSenderHarness(db);
  const ids: number[] = [];
  for (let i = 0; i < 8; i++) {
    ids.push(await chat.openTicket({ failures: 1 }));
    await chat.run();
    chat.pass(SECOND);
  }
  await chat.runFor(40 * SECOND, SECOND, () => fail(ids, 0));
  const risen = ids[5]!;
  await sql`update ticket set severity = 'P1', wanted_revision = wanted_revision + 1 where id = ${risen}`.execute(db);
  await chat.run();
  expect(shows(chat, risen, 'P1 ·')).toBe(true);
  expect(chat.telegram.refusals).toEqual([]);
}, 30_000);
