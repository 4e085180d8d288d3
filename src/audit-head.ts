import { containsHead, verifyAuditChain } from './audit/audit-store.ts';
import { openOperationalTicket } from './escalation/open-ticket.ts';
import { findLatestNoticeKey, putNotice } from './notice/notice-store.ts';
import type { Clock } from './platform/clock.ts';
import type { Db } from './platform/database.ts';

type Deps = { db: Db; clock: Clock; wake: (topic: 'notice') => void; onTicket: () => void };

/**
 * Where the audit log ends goes into the chat every hour in which something was added, out of reach of who can write to the database: a log that was cut,
 * or written anew as a whole, does not contain what was said there. What is found broken is a ticket.
 */
export async function postAuditHead(deps: Deps): Promise<object> {
  const verdict = await verifyAuditChain(deps.db);
  if (!verdict.intact) return openBroken(deps, `row ${verdict.brokenId}: ${verdict.because}`);
  const posted = await findPostedHead(deps.db);
  if (posted !== null && !(await containsHead(deps.db, posted)))
    return openBroken(deps, `the log does not contain ${posted} any more, which was posted in the chat`);
  if (verdict.head === null || verdict.head === posted) return { intact: true, rows: verdict.rows };
  await post(deps, verdict.rows, verdict.head);
  return { intact: true, rows: verdict.rows };
}

async function openBroken({ db, onTicket }: Deps, text: string): Promise<object> {
  const finding = { stage: 'operations', source: 'audit', errorFamily: 'audit chain', severity: 'P1', text } as const;
  await openOperationalTicket(db, finding);
  onTicket();
  return { intact: false, because: text };
}

async function post({ db, clock, wake }: Deps, rows: number, head: string): Promise<void> {
  const at = clock.now().toISOString().slice(11, 16);
  const text = `🧾 Audit log at ${at} UTC: ${rows} rows, the chain is intact.\n${head}`;
  await putNotice(db, { key: `${HEAD_KEY}${head}`, kind: 'text', body: { text, topic: 'audit', silent: true } });
  wake('notice');
}

const HEAD_KEY = 'audit-head:';

async function findPostedHead(db: Db): Promise<string | null> {
  const key = await findLatestNoticeKey(db, HEAD_KEY);
  return key === null ? null : key.slice(HEAD_KEY.length);
}
