import { containsHead, verifyAuditChain } from './audit/audit-store.ts';
import { ConfigError, readConfig, readEnvironment } from './config.ts';
import { createDb, createPool, type Db } from './platform/database.ts';

/**
 * `npm run audit:verify`, and `npm run audit:verify -- 123:0a1b…` with a head that was posted in the chat. It only reads. Exit code 1 and the first broken
 * row when the log is not as it was written.
 */
async function main(head: string | undefined): Promise<number> {
  const { databaseUrl } = readConfig({ DATABASE_URL: readEnvironment().DATABASE_URL });
  if (databaseUrl === null) return say('DATABASE_URL is not set: say which database holds the log', 2);
  const db = createDb(createPool(databaseUrl, { max: 1, name: 'breakwater audit' }));
  try {
    return await verify(db, head);
  } finally {
    await db.destroy();
  }
}

async function verify(db: Db, head: string | undefined): Promise<number> {
  const verdict = await verifyAuditChain(db);
  if (!verdict.intact) return say(`BROKEN at row ${verdict.brokenId}: ${verdict.because}`, 1);
  if (head !== undefined && !(await containsHead(db, head)))
    return say(`BROKEN: the log does not contain ${head}; it was cut off before that row, or written anew`, 1);
  return say(`intact: ${verdict.rows} rows${verdict.head === null ? '' : `, ending with ${verdict.head}`}`, 0);
}

function say(line: string, code: number): number {
  process.stdout.write(`${line}\n`);
  return code;
}

try {
  process.exitCode = await main(process.argv[2]);
} catch (error) {
  const text = error instanceof ConfigError ? error.message : `The log could not be read: ${(error as Error).message}`;
  process.exitCode = say(text, 2);
}
