import type { Update } from '@grammyjs/types';
import { GrammyError, HttpError } from 'grammy';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../src/platform/log.ts';
import type { SealKeys } from '../../../src/platform/seal.ts';
import { createInbox, type DeadUpdate, type InboxDeps, runInboxOnce } from '../../../src/telegram/incoming/inbox.ts';
import {
  claimUpdates,
  findTypedWords,
  markUpdateDone,
  purgeInbox,
  storeUpdates,
} from '../../../src/telegram/incoming/inbox-store.ts';
import { createTestDatabase } from '../../database.ts';

const { db } = await createTestDatabase();
const log = createLog({ level: 'silent' });

const ANN = 1;
const BEN = 2;
const said = (update_id: number, text: string, from = ANN): Update =>
  ({
    update_id,
    message: {
      message_id: update_id,
      date: 1,
      text,
      from: { id: from, is_bot: false, first_name: 'A' },
      chat: { id: -9, type: 'supergroup', title: 'E' },
    },
  }) as unknown as Update;

let handled: string[];
let dead: DeadUpdate[];

/** Notes what it handles; what `act` does for an update is its handler. */
function depsWith(act: (text: string) => Promise<void> = async () => {}): InboxDeps {
  return {
    db,
    log,
    deadlineMs: 40,
    onDead: async (update) => void dead.push(update),
    handle: async (update) => {
      handled.push(update.message!.text!);
      await act(update.message!.text!);
    },
  };
}

const read = (updateId: number) =>
  db.selectFrom('telegram_update').selectAll().where('update_id', '=', updateId).executeTakeFirstOrThrow();

/** Delays are served by moving time on. */
const later = (ms: number) => new Date(Date.now() + ms);

beforeEach(async () => {
  handled = [];
  dead = [];
  await db.deleteFrom('telegram_update').execute();
});

describe('storing', () => {
  test('all are written in one insert, and one that comes again is not handled again', async () => {
    expect(await storeUpdates(db, [said(1, 'a'), said(2, 'b', BEN)])).toBe(2);
    expect(await storeUpdates(db, [said(1, 'changed'), said(3, 'c', 3)])).toBe(1);
    await runInboxOnce(depsWith());
    expect(await storeUpdates(db, [said(1, 'again')])).toBe(0);
    await runInboxOnce(depsWith());
    expect(handled.sort()).toEqual(['a', 'b', 'c']);
  });

  test('codes and card numbers are masked before they reach the table', async () => {
    await storeUpdates(db, [said(1, 'card 4242 4242 4242 4242')]);
    expect(JSON.stringify((await read(1)).payload)).not.toContain('4242');
  });

  test('an update that no column could hold does not keep the others out', async () => {
    const broken = { ...said(2, 'x'), update_id: Number.NaN };
    expect(await storeUpdates(db, [said(1, 'a\u0000\ud800'), broken, said(3, 'c')])).toBe(2);
  });

  test('nothing to store is no insert', async () => {
    expect(await storeUpdates(db, [])).toBe(0);
  });
});

describe('what the team types with an address in it', () => {
  const KEYS: SealKeys = [Buffer.alloc(32, 'seal')];
  const inPrivate = (id: number, text: string, from = ANN) => {
    const update = said(id, text, from);
    return { ...update, message: { ...update.message, chat: { id: from, type: 'private' } } } as unknown as Update;
  };
  const store = (update: Update) => storeUpdates(db, [update], undefined, KEYS);
  const typed = () => findTypedWords(db, KEYS, 1);

  beforeEach(async () => {
    await db.deleteFrom('person').execute();
    await db.insertInto('person').values({ telegram_id: ANN, role: 'engineer' }).execute();
  });

  test('is kept sealed beside what is masked, and no longer than that', async () => {
    await store(inPrivate(1, '/override anna@example.com'));
    const row = await read(1);
    expect(JSON.stringify(row.payload)).not.toContain('anna@example.com');
    expect(row.sealed_words!.toString('latin1')).not.toContain('anna');
    expect(await typed()).toBe('/override anna@example.com');
    await runInboxOnce(depsWith());
    expect(await read(1)).toMatchObject({ state: 'done', sealed_words: null });
  });

  test('is gone when the update is dead', async () => {
    await store(inPrivate(1, 'anna@example.com'));
    await db.updateTable('telegram_update').set({ failures: 4 }).execute();
    await runInboxOnce(
      depsWith(async () => {
        throw new Error('no');
      }),
    );
    expect(await read(1)).toMatchObject({ state: 'dead', sealed_words: null });
  });

  test('is not read under another key', async () => {
    await store(inPrivate(1, 'anna@example.com'));
    expect(await findTypedWords(db, [Buffer.alloc(32, 'other')], 1)).toBeNull();
  });

  test('is not kept of anybody else, of one who was removed, in the group, or beside a code or a card number', async () => {
    const kept = async (update: Update) => {
      await db.deleteFrom('telegram_update').execute();
      await store(update);
      return (await read(1)).sealed_words;
    };
    expect(await kept(inPrivate(1, 'anna@example.com', BEN))).toBeNull();
    expect(await kept(said(1, 'anna@example.com'))).toBeNull();
    expect(await kept(inPrivate(1, 'anna@example.com 493817'))).toBeNull();
    expect(await kept(inPrivate(1, 'anna@example.com 4242 4242 4242 4242'))).toBeNull();
    await db.updateTable('person').set({ active: false }).execute();
    expect(await kept(inPrivate(1, 'anna@example.com'))).toBeNull();
  });
});

describe('order', () => {
  test('a lane is handled one after another, in order; lanes side by side', async () => {
    await storeUpdates(db, [said(2, 'a2'), said(1, 'a1'), said(3, 'b1', BEN)]);
    expect(await runInboxOnce(depsWith())).toEqual({ claimed: 2, done: 2, waiting: 0, dead: 0 });
    expect(handled).toEqual(['a1', 'b1']);
    await runInboxOnce(depsWith());
    expect(handled).toEqual(['a1', 'b1', 'a2']);
  });

  test('while one of a lane is being handled the next is not claimable, by nobody', async () => {
    await storeUpdates(db, [said(1, 'a1'), said(2, 'a2')]);
    const [first] = await claimUpdates(db, { limit: 8, leaseMs: 1000 });
    expect(await claimUpdates(db, { limit: 8, leaseMs: 1000 })).toEqual([]);
    await markUpdateDone(db, first!);
    expect((await claimUpdates(db, { limit: 8, leaseMs: 1000 })).map((claimed) => claimed.updateId)).toEqual([2]);
  });

  test('replicas that claim at the same time never hold the same update, nor two of a lane', async () => {
    const updates = Array.from({ length: 60 }, (_, n) => said(n + 1, `${n}`, n % 10));
    await storeUpdates(db, updates);
    for (let left = 60; left > 0; ) {
      const claims = (
        await Promise.all([1, 2, 3, 4].map(() => claimUpdates(db, { limit: 4, leaseMs: 60_000 })))
      ).flat();
      expect(new Set(claims.map(({ lane }) => lane)).size).toBe(claims.length);
      for (const claimed of claims) expect(await markUpdateDone(db, claimed)).toBe(true);
      expect(claims.length).toBeGreaterThan(0);
      left -= claims.length;
    }
  });
});

describe('what becomes of an update', () => {
  test('when it is done its payload is gone and the row stays for 48 hours', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    await runInboxOnce(depsWith());
    expect(await read(1)).toMatchObject({ state: 'done', payload: null, lease_until: null });
    expect(await purgeInbox(db, later(47.9 * 3_600_000))).toBe(0);
    expect(await purgeInbox(db, later(48.1 * 3_600_000))).toBe(1);
  });

  test('a pending one is never purged, however old', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    expect(await purgeInbox(db, later(1000 * 3_600_000))).toBe(0);
  });

  test('a handler that throws five times makes it dead, tells a person, and the lane goes on', async () => {
    await storeUpdates(db, [said(1, 'poison'), said(2, 'next')]);
    const deps = depsWith(async (text) => {
      if (text === 'poison') throw new Error('no such column: 4242 4242 4242 4242');
    });
    for (let round = 1; round <= 5; round += 1) {
      const counts = await runInboxOnce(deps, { now: later(round * 60_000) });
      expect(counts).toMatchObject(round < 5 ? { waiting: 1, dead: 0 } : { waiting: 0, dead: 1 });
    }
    expect(await read(1)).toMatchObject({ state: 'dead', failures: 5 });
    expect(dead).toMatchObject([{ updateId: 1, kind: 'message' }]);
    expect((await read(1)).error).not.toContain('4242');
    await runInboxOnce(deps, { now: later(360_000) });
    expect(handled.filter((text) => text === 'next')).toHaveLength(1);
    expect(handled.filter((text) => text === 'poison')).toHaveLength(5);
  });

  test('a failure waits before it is tried again, and only its own lane waits with it', async () => {
    await storeUpdates(db, [said(1, 'poison'), said(2, 'behind'), said(3, 'beside', BEN)]);
    const deps = depsWith(async (text) => {
      if (text === 'poison') throw new Error('no');
    });
    await runInboxOnce(deps);
    expect((await runInboxOnce(deps)).claimed).toBe(0);
    expect(handled).toEqual(['poison', 'beside']);
  });

  test('a handler that hangs is given up at its deadline and counts as a failure', async () => {
    await storeUpdates(db, [said(1, 'hang'), said(2, 'beside', BEN)]);
    const deps = depsWith((text) => (text === 'hang' ? new Promise(() => {}) : Promise.resolve()));
    expect(await runInboxOnce(deps)).toEqual({ claimed: 2, done: 1, waiting: 1, dead: 0 });
    expect(await read(1)).toMatchObject({ state: 'pending', failures: 1, error: expect.stringContaining('40 ms') });
  });

  test('a ticket that cannot be opened leaves the update alive: nobody is told of it too seldom', async () => {
    await storeUpdates(db, [said(1, 'poison')]);
    await db.updateTable('telegram_update').set({ failures: 4 }).execute();
    const deps = depsWith(() => Promise.reject(new Error('no')));
    const failing = { ...deps, onDead: () => Promise.reject(new Error('the database is gone')) };
    await expect(runInboxOnce(failing)).rejects.toThrow('the database is gone');
    expect(await read(1)).toMatchObject({ state: 'pending' });
    await runInboxOnce(deps, { now: later(60_000) });
    expect(dead).toHaveLength(1);
  });
});

describe('Telegram being away is nobody’s failure', () => {
  const away = new HttpError('Network request failed', new Error('ECONNREFUSED'));
  const flood = new GrammyError(
    'x',
    { ok: false, error_code: 429, description: 'Too Many Requests', parameters: { retry_after: 7 } },
    'sendMessage',
    {},
  );
  const wrong = new GrammyError(
    'x',
    { ok: false, error_code: 400, description: 'Bad Request: whatever' },
    'sendMessage',
    {},
  );

  test.each([
    ['unreachable', away],
    ['too many requests', flood],
  ])('%s: the update waits and counts no failure', async (_, error) => {
    await storeUpdates(db, [said(1, 'a')]);
    await runInboxOnce(depsWith(() => Promise.reject(error)));
    expect(await read(1)).toMatchObject({ state: 'pending', failures: 0 });
  });

  test('a flood is waited out for as long as Telegram says', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    await runInboxOnce(depsWith(() => Promise.reject(flood)));
    expect((await runInboxOnce(depsWith(), { now: later(6_000) })).claimed).toBe(0);
    expect((await runInboxOnce(depsWith(), { now: later(8_000) })).done).toBe(1);
  });

  test('a refusal that is our mistake counts', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    await runInboxOnce(depsWith(() => Promise.reject(wrong)));
    expect(await read(1)).toMatchObject({ failures: 1 });
  });

  test('after five minutes the waiting counts too: it ends', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    await runInboxOnce(
      depsWith(() => Promise.reject(away)),
      { now: later(301_000) },
    );
    expect(await read(1)).toMatchObject({ failures: 1 });
  });
});

describe('a replica that dies or sleeps', () => {
  test('what it held is taken over when its lease ends, and not before', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    await claimUpdates(db, { limit: 1, leaseMs: 20_000 });
    expect((await runInboxOnce(depsWith(), { now: later(19_000) })).claimed).toBe(0);
    expect((await runInboxOnce(depsWith(), { now: later(21_000) })).done).toBe(1);
  });

  test('its late outcome changes nothing', async () => {
    await storeUpdates(db, [said(1, 'a')]);
    const [asleep] = await claimUpdates(db, { limit: 1, leaseMs: 20_000 });
    const [holder] = await claimUpdates(db, { limit: 1, leaseMs: 20_000, now: later(21_000) });
    expect(await markUpdateDone(db, asleep!)).toBe(false);
    expect(await read(1)).toMatchObject({ state: 'pending' });
    expect(await markUpdateDone(db, holder!)).toBe(true);
  });
});

test('the running inbox drains every lane in order when it is kicked, and stopping waits for what it handles', async () => {
  const order: string[] = [];
  const inbox = createInbox({
    ...depsWith(),
    deadlineMs: 5_000,
    handle: async (update) => void order.push(update.message!.text!),
  });
  inbox.start();
  await storeUpdates(
    db,
    Array.from({ length: 30 }, (_, n) => said(n + 1, `${n % 3}:${n}`, n % 3)),
  );
  inbox.kick();
  await vi.waitFor(() => expect(order).toHaveLength(30), { timeout: 5_000 });
  await inbox.stop();
  for (const lane of ['0', '1', '2']) {
    const own = order.filter((text) => text.startsWith(lane)).map((text) => Number(text.split(':')[1]));
    expect(own).toEqual([...own].sort((a, b) => a - b));
  }
  expect(await db.selectFrom('telegram_update').select('update_id').where('state', '=', 'pending').execute()).toEqual(
    [],
  );
});
