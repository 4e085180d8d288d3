import { beforeEach, describe, expect, test } from 'vitest';
import { endCustomerChats, findCustomerChat } from '../../src/people/customer-chat-store.ts';
import { type ChatMoved, openCustomerLink } from '../../src/people/customer-link.ts';
import { createCustomerLink, purgeCustomerLinks } from '../../src/people/customer-link-store.ts';
import { hashCustomerToken } from '../../src/people/customer-token.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();
const T0 = new Date('2026-03-01T12:00:00Z');
const HOUR = 60 * 60_000;
const at = (ms: number) => new Date(T0.getTime() + ms);
const CARA = 2001;
const SAM = 2002;

let updates = 0;
let run = 0;
let user = '';
const moved: ChatMoved[] = [];

beforeEach(() => {
  run += 1;
  user = `user-${run}`;
  moved.length = 0;
});

const link = (userId = user, now = T0) => createCustomerLink(db, { userId, now });
const open = (token: string, { by = CARA, now = at(1), updateId = ++updates } = {}) =>
  openCustomerLink(db, { tokenHash: hashCustomerToken(token), telegramId: by, updateId, now }, async (_, one) => {
    moved.push(one);
  });
const chatOf = (userId = user) => findCustomerChat(db, userId);

describe('a link', () => {
  test('ties the chat of whoever opens it to its user, and to nobody else', async () => {
    expect(await chatOf()).toBeNull();
    const { token, expiresAt } = await link();
    expect(expiresAt).toEqual(at(24 * HOUR));
    expect(await open(token)).toBe('tied');
    expect(await chatOf()).toBe(CARA);
    expect(await chatOf('somebody-else')).toBeNull();
  });

  test('works once: a stranger with the same link gets nothing, nor does its owner again', async () => {
    const { token } = await link();
    await open(token);
    expect(await open(token, { by: SAM })).toBe('invalid');
    expect(await open(token)).toBe('invalid');
    expect(await chatOf()).toBe(CARA);
  });

  test('opened by ten people in the same moment is one person’s', async () => {
    const { token } = await link();
    const people = Array.from({ length: 10 }, (_, n) => 3000 + n);
    const opened = await Promise.all(people.map((by) => open(token, { by })));
    expect(opened.filter((one) => one === 'tied')).toHaveLength(1);
    expect(await chatOf()).toBe(people[opened.indexOf('tied')]);
  });

  test('works to the last moment of its day, and not after it', async () => {
    const [first, second] = [await link(), await link()];
    expect(await open(first.token, { now: at(24 * HOUR) })).toBe('invalid');
    expect(await chatOf()).toBeNull();
    expect(await open(second.token, { now: at(24 * HOUR - 1) })).toBe('tied');
  });

  test('that never was one opens nothing', async () => {
    expect(await open('no-such-token')).toBe('invalid');
  });

  test('leaves earlier links of the same user as they are', async () => {
    const [first, second] = [await link(), await link()];
    expect(await open(second.token)).toBe('tied');
    expect(await open(first.token)).toBe('tied');
  });

  test('is told the same when its update is handled again after a crash, and does nothing twice', async () => {
    const [first, second] = [await link(), await link()];
    expect(await open(first.token, { updateId: 900 })).toBe('tied');
    await open(second.token, { by: SAM });
    expect(await open(first.token, { updateId: 900 })).toBe('tied');
    expect(await chatOf()).toBe(SAM);
    expect(moved).toHaveLength(1);
  });

  test('is known by its hash, and its user stands in no record', async () => {
    const { token } = await link();
    await open(token);
    const audit = await db.selectFrom('audit').selectAll().orderBy('id', 'desc').executeTakeFirstOrThrow();
    expect(audit).toMatchObject({ actor: `telegram:${CARA}`, action: 'customer:link', allowed: true });
    const rows = await db.selectFrom('customer_link').selectAll().where('user_id', '=', user).execute();
    expect(JSON.stringify([audit, rows.map((row) => row.token_hash.toString('latin1'))])).not.toMatch(token);
    expect(JSON.stringify(audit)).not.toContain(user);
  });

  test('that can no longer be used is forgotten, one that can is not', async () => {
    await db.deleteFrom('customer_link').execute();
    await link(user, at(-24 * HOUR));
    const { token } = await link();
    expect(await purgeCustomerLinks(db, T0)).toBe(1);
    expect(await open(token)).toBe('tied');
  });
});

describe('a chat', () => {
  test('moves with a later link, and the earlier one hears that it did', async () => {
    await open((await link()).token);
    await open((await link()).token, { by: SAM });
    expect(await chatOf()).toBe(SAM);
    expect(moved).toEqual([{ linkId: expect.any(Number), from: CARA }]);
  });

  test('that stays where it is hears nothing', async () => {
    await open((await link()).token);
    await open((await link()).token);
    expect(moved).toEqual([]);
  });

  test('may be told of several users, and of none of them once it has ended', async () => {
    await open((await link()).token);
    await open((await link(`${user}-b`)).token);
    await open((await link(`${user}-c`)).token, { by: SAM });
    expect([await chatOf(), await chatOf(`${user}-b`)]).toEqual([CARA, CARA]);
    expect(await endCustomerChats(db, CARA)).toBe(true);
    expect([await chatOf(), await chatOf(`${user}-b`)]).toEqual([null, null]);
    expect(await chatOf(`${user}-c`)).toBe(SAM);
    expect(await endCustomerChats(db, CARA)).toBe(false);
  });
});
