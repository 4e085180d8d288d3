import { expect, test } from 'vitest';
import { callOffCover, changePolicy, endRotation, giveCover, setRotation } from '../../src/duty/duty-changes.ts';
import { readPolicy } from '../../src/escalation/deadline-store.ts';
import type { Policy, SeverityPolicy } from '../../src/escalation/policy.ts';
import type { Severity } from '../../src/platform/schema.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
await db.insertInto('person').values({ telegram_id: 1001, role: 'engineer' }).execute();
const ben = { personId: 1002, name: 'Ben' };
const NOW = new Date('2026-11-22T12:00:00Z');
const in_ = (hours: number) => new Date(NOW.getTime() + hours * 3_600_000);
const rotation = { people: [1001], zone: 'UTC', handOver: '09:00', everyDays: 1, startsOn: '2026-11-23' };
const latest = () => db.selectFrom('audit').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirst();

const withResolve = (severity: Severity, resolveMinutes: number) => (before: Policy) => {
  const changed: SeverityPolicy = { ...before.severities[severity], resolveMinutes };
  return { ...before, severities: { ...before.severities, [severity]: changed } };
};

test('of two admins who change the policy in the same moment neither undoes what the other did', async () => {
  const severities: Severity[] = ['P1', 'P2', 'P3', 'P4'];
  await Promise.all(severities.map((severity, n) => changePolicy(db, ben, withResolve(severity, 77 + n))));
  const policy = await readPolicy(db);
  expect(severities.map((severity) => policy.severities[severity].resolveMinutes)).toEqual([77, 78, 79, 80]);
});

test('what the policy was, and what it became, is on record', async () => {
  await changePolicy(db, ben, withResolve('P1', 90));
  await changePolicy(db, ben, withResolve('P1', 120));
  expect(await latest()).toMatchObject({
    actor: 'telegram:1002',
    action: 'duty:policy',
    before: { severities: { P1: { resolveMinutes: 90 } } },
    after: { severities: { P1: { resolveMinutes: 120 } } },
  });
});

test('so is who took turns before, and that nobody does any more', async () => {
  await setRotation(db, ben, 1, rotation);
  expect(await latest()).toMatchObject({ action: 'duty:rotation', target: 'level 1', before: {}, after: rotation });
  expect(await endRotation(db, ben, 1)).toBe(true);
  expect(await latest()).toMatchObject({ before: rotation, after: {} });
  const before = await latest();
  expect(await endRotation(db, ben, 1)).toBe(false);
  expect(await latest()).toEqual(before);
});

test('so is a cover, and one that is refused leaves no record of its own', async () => {
  const cover = { level: 1, personId: 1001, startsAt: in_(1), endsAt: in_(2), givenBy: 'Ben' };
  const id = (await giveCover(db, ben, cover))!;
  expect(await latest()).toMatchObject({ action: 'duty:cover', target: `cover ${id}`, after: { personId: 1001 } });
  const before = await latest();
  expect(await giveCover(db, ben, cover)).toBeNull();
  expect(await latest()).toEqual(before);
  expect(await callOffCover(db, ben, id, NOW)).toBe(true);
  expect(await latest()).toMatchObject({ target: `cover ${id}`, after: { calledOff: true } });
  expect(await callOffCover(db, ben, id, NOW)).toBe(false);
});
