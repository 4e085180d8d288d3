import { beforeEach, describe, expect, test } from 'vitest';
import { invite } from '../../src/people/invitation-store.ts';
import { findPerson, seedPeople } from '../../src/people/person-store.ts';
import { changeTeam, join } from '../../src/people/team.ts';
import { createTestDatabase } from '../database.ts';
import { proveFactors } from '../proven.ts';

const { db } = await createTestDatabase();
const [ANN, BEN, ADA, NEW] = [1001, 1002, 1003, 1009];
const now = new Date('2026-11-22T12:00:00Z');
const later = (hours: number) => new Date(now.getTime() + hours * 3_600_000);

beforeEach(async () => {
  for (const table of ['invitation', 'second_factor', 'person'] as const) await db.deleteFrom(table).execute();
  await seedPeople(db, { adminIds: [BEN], engineerIds: [ANN] });
});

const opens = (token: string, telegramId: number, at = now) =>
  join(db, { token, telegramId, firstName: 'New', username: null, now: at }, async () => {});
const invited = async (role: 'viewer' | 'engineer' | 'admin' = 'engineer') =>
  (await invite(db, { role, invitedBy: BEN, now })).token;

describe('an invitation', () => {
  test('makes whoever opens it a member in its role', async () => {
    expect(await opens(await invited('viewer'), NEW)).toEqual({ outcome: 'joined', role: 'viewer', invitedBy: BEN });
    expect(await findPerson(db, NEW)).toMatchObject({ role: 'viewer', active: true, privateChat: true });
  });

  test('works once, also when many open it in the same moment', async () => {
    const token = await invited();
    const joined = await Promise.all([2001, 2002, 2003, 2004].map((id) => opens(token, id)));
    expect(joined.map(({ outcome }) => outcome).sort()).toEqual(['invalid', 'invalid', 'invalid', 'joined']);
  });

  test('is over after a day', async () => {
    const token = await invited();
    expect(await opens(token, NEW, later(24))).toEqual({ outcome: 'invalid' });
    expect(await opens(token, NEW, later(23.9))).toMatchObject({ outcome: 'joined' });
  });

  test('of somebody who is no admin any more is over', async () => {
    const token = await invited();
    await db.updateTable('person').set({ role: 'lead' }).where('telegram_id', '=', BEN).execute();
    expect(await opens(token, NEW)).toEqual({ outcome: 'invalid' });
  });

  test('opened by a member is left for the person it was meant for', async () => {
    const token = await invited('admin');
    expect(await opens(token, ANN)).toEqual({ outcome: 'member' });
    expect((await findPerson(db, ANN))?.role).toBe('engineer');
    expect(await opens(token, NEW)).toMatchObject({ outcome: 'joined' });
  });

  test('brings back who was removed, in the new role', async () => {
    await changeTeam(db, { change: 'remove', personId: ANN, by: BEN });
    expect(await opens(await invited('viewer'), ANN)).toMatchObject({ outcome: 'joined' });
    expect(await findPerson(db, ANN)).toMatchObject({ role: 'viewer', active: true });
  });

  test.each(['', 'made-up', 'A'.repeat(32)])('that nobody wrote is none: %j', async (token) => {
    expect(await opens(token, NEW)).toEqual({ outcome: 'invalid' });
    expect(await findPerson(db, NEW)).toBeNull();
  });

  test('is in the database by its hash only', async () => {
    const token = await invited();
    expect(JSON.stringify(await db.selectFrom('invitation').selectAll().execute())).not.toContain(token);
  });
});

describe('the team', () => {
  test('a role is changed, and from what to what is on record', async () => {
    expect(await changeTeam(db, { change: 'role', role: 'lead', personId: ANN, by: BEN })).toBe('done');
    const row = await db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirstOrThrow();
    expect(row).toMatchObject({
      actor: `telegram:${BEN}`,
      action: 'team:role',
      target: `telegram:${ANN}`,
      before: { role: 'engineer', active: true },
      after: { role: 'lead', active: true },
    });
  });

  test('the last admin is neither removed nor demoted, and the last but one is', async () => {
    const change = { by: BEN, personId: BEN } as const;
    expect(await changeTeam(db, { change: 'remove', ...change })).toBe('last_admin');
    expect(await changeTeam(db, { change: 'role', role: 'lead', ...change })).toBe('last_admin');
    await changeTeam(db, { change: 'role', role: 'admin', personId: ANN, by: BEN });
    expect(await changeTeam(db, { change: 'role', role: 'lead', ...change })).toBe('done');
  });

  test('two admins who remove each other in the same moment leave one', async () => {
    await db.insertInto('person').values({ telegram_id: ADA, role: 'admin' }).execute();
    const results = await Promise.all([
      changeTeam(db, { change: 'remove', personId: ADA, by: BEN }),
      changeTeam(db, { change: 'remove', personId: BEN, by: ADA }),
    ]);
    expect(results.sort()).toEqual(['done', 'last_admin']);
  });

  test('a second factor is reset by another, never by its owner', async () => {
    await proveFactors(db, [ANN, BEN]);
    expect(await changeTeam(db, { change: 'reset_factor', personId: BEN, by: BEN })).toBe('own');
    expect(await changeTeam(db, { change: 'reset_factor', personId: ANN, by: BEN })).toBe('done');
    expect(await changeTeam(db, { change: 'reset_factor', personId: ANN, by: BEN })).toBe('unchanged');
  });

  test('nobody who is not there is changed', async () => {
    expect(await changeTeam(db, { change: 'remove', personId: NEW, by: BEN })).toBe('unknown');
  });
});
