import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AuditEntry, appendAudit, containsHead, verifyAuditChain } from '../../src/audit/audit-store.ts';
import { createTestDatabase } from '../database.ts';

const { db } = await createTestDatabase();

const entry: AuditEntry = { actor: 'telegram:1', action: 'acknowledge', target: 'T-1001', allowed: true };
const append = (more: Partial<AuditEntry> = {}) =>
  db.transaction().execute((trx) => appendAudit(trx, { ...entry, ...more }));

/** What somebody with the keys to the database could do: without the trigger, behind the chain's back. */
async function tamper(statement: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql.raw(statement).execute(trx);
  });
}

beforeEach(async () => {
  await tamper('delete from audit');
  await tamper("update audit_head set id = 0, hash = sha256('breakwater')");
});

describe('the chain', () => {
  test('an empty log is intact', async () => {
    expect(await verifyAuditChain(db)).toEqual({ intact: true, rows: 0, head: null });
  });

  test('rows written at the same time are one unbroken chain', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => append({ target: `T-${n}`, detail: { b: n, a: ['ä', null] } })),
    );
    expect(await verifyAuditChain(db)).toMatchObject({ intact: true, rows: 20 });
  });

  test('a transaction that is rolled back leaves no gap', async () => {
    await append();
    const rolledBack = db.transaction().execute(async (trx) => {
      await appendAudit(trx, entry);
      throw new Error('changed my mind');
    });
    await expect(rolledBack).rejects.toThrow('changed my mind');
    await append();
    expect(await verifyAuditChain(db)).toMatchObject({ intact: true, rows: 2 });
  });
});

describe('what was done behind its back', () => {
  beforeEach(async () => {
    for (let n = 1; n <= 5; n += 1) await append({ target: `T-${n}`, detail: { n } });
  });

  test.each([
    ['an actor changed', "update audit set actor = 'telegram:2' where id = 3", 3],
    ['a refusal made to look allowed', 'update audit set allowed = not allowed where id = 2', 2],
    ['a detail changed', `update audit set detail = '{"n": 99}' where id = 4`, 4],
    ['a time moved', "update audit set at = at + interval '1 ms' where id = 1", 1],
    ['a row taken out', 'delete from audit where id = 3', 3],
    ['the last row taken out', 'delete from audit where id = 5', 5],
    [
      'a row put at the end',
      'insert into audit select 6, at, actor, action, target, allowed, detail, hash, hash from audit where id = 5',
      6,
    ],
  ])('%s is found, and the row is named', async (_, statement, brokenId) => {
    await tamper(statement);
    expect(await verifyAuditChain(db)).toMatchObject({ intact: false, brokenId });
  });

  test('a row changed together with its own hash breaks the row after it', async () => {
    await tamper("update audit set actor = 'x', hash = sha256('whatever') where id = 2");
    expect(await verifyAuditChain(db)).toMatchObject({ intact: false, brokenId: 2 });
  });
});

describe('what a row says besides', () => {
  const change = { place: 'group', factor: 'code', before: { state: 'open' }, after: { state: 'resolved', by: 'Ann' } };

  test('where, by which factor, and what it changed is in the chain', async () => {
    await append(change);
    const row = await db.selectFrom('audit').selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject(change);
    expect(await verifyAuditChain(db)).toMatchObject({ intact: true, rows: 1 });
  });

  test.each([
    ['place', "update audit set place = 'private'"],
    ['factor', 'update audit set factor = null'],
    ['before', `update audit set before = '{"state":"acknowledged"}'`],
    ['after', 'update audit set after = null'],
  ])('a %s changed is found', async (_, statement) => {
    await append(change);
    await tamper(statement);
    expect(await verifyAuditChain(db)).toMatchObject({ intact: false, brokenId: 1 });
  });

  test('a row from before there were such columns is as it was hashed then, and nothing can be added to it', async () => {
    await append();
    const row = await db.selectFrom('audit').selectAll().executeTakeFirstOrThrow();
    const { id, at, actor, action, target, allowed, detail, previous_hash } = row;
    const said = JSON.stringify({ action, actor, allowed, at: at.toISOString(), detail, id, target });
    expect(row.hash).toEqual(createHash('sha256').update(previous_hash).update(said).digest());
    await tamper("update audit set factor = 'code'");
    expect(await verifyAuditChain(db)).toMatchObject({ intact: false, brokenId: 1 });
  });
});

describe('a head that was posted', () => {
  test('is in the log until its end is cut off and the head is moved back to match', async () => {
    for (let n = 1; n <= 3; n += 1) await append({ target: `T-${n}` });
    const { head } = (await verifyAuditChain(db)) as { head: string };
    expect(await containsHead(db, head)).toBe(true);
    await tamper('delete from audit where id = 3');
    await tamper('update audit_head set id = 2, hash = (select hash from audit where id = 2)');
    expect(await verifyAuditChain(db)).toMatchObject({ intact: true, rows: 2 });
    expect(await containsHead(db, head)).toBe(false);
  });

  test('of a log written anew is not in it', async () => {
    await append();
    const { head } = (await verifyAuditChain(db)) as { head: string };
    await tamper('delete from audit');
    await tamper("update audit_head set id = 0, hash = sha256('breakwater')");
    await append({ actor: 'telegram:2' });
    expect(await containsHead(db, head)).toBe(false);
  });

  test.each(['', 'x', '1:', '1:zz', '99:00'])('what is no head of it is not in it: %j', async (head) => {
    await append();
    expect(await containsHead(db, head)).toBe(false);
  });
});

describe('what is written', () => {
  test('the database itself refuses to change or delete a row', async () => {
    await append();
    await expect(db.updateTable('audit').set({ actor: 'x' }).execute()).rejects.toThrow('only ever added to');
    await expect(db.deleteFrom('audit').execute()).rejects.toThrow('only ever added to');
  });

  test('card numbers and addresses are masked, and what cannot be stored does not keep an attempt off the record', async () => {
    await append({ target: 'a\u0000b \ud800', detail: { text: 'jane@example.com paid with 4242 4242 4242 4242' } });
    const row = await db.selectFrom('audit').selectAll().executeTakeFirstOrThrow();
    expect(row.target).toBe('ab \ufffd');
    expect(JSON.stringify(row.detail)).not.toMatch(/jane@example|4242/);
    expect(await verifyAuditChain(db)).toMatchObject({ intact: true });
  });
});
