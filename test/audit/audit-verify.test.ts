import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { appendAudit } from '../../src/audit/audit-store.ts';
import { createTestDatabase } from '../database.ts';

const { db, url } = await createTestDatabase();
const SCRIPT = fileURLToPath(new URL('../../src/audit-verify.ts', import.meta.url));

function verify(env: Record<string, string>, ...args: string[]): Promise<{ code: number; said: string }> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH!, ...env }, cwd: tmpdir() };
    execFile(process.execPath, [SCRIPT, ...args], options, (error, stdout) =>
      resolve({ code: Number(error?.code ?? 0), said: stdout.trim() }),
    );
  });
}

const tamper = (statement: string) =>
  db.transaction().execute(async (trx) => {
    await sql`set local session_replication_role = replica`.execute(trx);
    await sql.raw(statement).execute(trx);
  });

test('npm run audit:verify says that the log is intact, knows a posted head, and names the first broken row with code 1', async () => {
  for (let n = 1; n <= 3; n += 1)
    await db
      .transaction()
      .execute((trx) =>
        appendAudit(trx, { actor: 'telegram:1', action: 'press:ack', target: `T-${n}`, allowed: true }),
      );
  const intact = await verify({ DATABASE_URL: url });
  expect(intact).toEqual({ code: 0, said: expect.stringMatching(/^intact: 3 rows, ending with 3:[0-9a-f]{32}$/) });
  const [head] = /3:[0-9a-f]{32}/.exec(intact.said)!;
  expect((await verify({ DATABASE_URL: url }, head)).code).toBe(0);
  expect(await verify({ DATABASE_URL: url }, '4:00')).toMatchObject({
    code: 1,
    said: expect.stringContaining('does not contain'),
  });
  await tamper("update audit set target = 'T-9' where id = 2");
  expect(await verify({ DATABASE_URL: url })).toEqual({ code: 1, said: 'BROKEN at row 2: it is not what was written' });
}, 30_000);

test('without a database it says so, with another code', async () => {
  expect(await verify({})).toMatchObject({ code: 2, said: expect.stringContaining('DATABASE_URL is not set') });
}, 30_000);
