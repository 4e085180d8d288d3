import { createHmac, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createEventWriter } from '../../src/intake/event-writer.ts';
import { createRefusalBook } from '../../src/intake/refusals.ts';
import type { ReceivedWebhook } from '../../src/intake/signature/verdict.ts';
import { verifyWebhook } from '../../src/intake/signature/verify.ts';
import { verifyAgain } from '../../src/intake/verify-again.ts';
import { createLog } from '../../src/platform/log.ts';
import type { SealKeys } from '../../src/platform/seal.ts';
import { createTestDatabase } from '../database.ts';
import { provider } from './provider.ts';

const { db, pool } = await createTestDatabase();
const writer = createEventWriter(
  { pool, db, log: createLog({ level: 'silent' }) },
  { maxQueuedItems: 1_000, maxQueuedBytes: 1e7 },
);
const [today, tomorrow]: SealKeys[] = [[Buffer.alloc(32, 'today')], [Buffer.alloc(32, 'tomorrow')]];
const ann = { personId: 1001, name: 'Ann' };

/** As many webhooks as are kept in a minute, signed with a secret that is not known yet; answers their ticket. */
async function refuse(count: number, secretKeys: SealKeys): Promise<number> {
  const known = provider({ name: `acme-${randomUUID()}`, secrets: ['old'] });
  const book = createRefusalBook({ db, secretKeys, providers: [known], onTicket: () => {} });
  const webhooks = Array.from({ length: count }, (_, i): ReceivedWebhook => {
    const body = Buffer.from(JSON.stringify({ status: 'paid', user_id: 'ann', transaction_id: `tx${i}` }));
    const signature = createHmac('sha256', 'new').update(body).digest('hex');
    // A minute apart, so that every one of them is kept.
    return { headers: { 'x-signature': signature }, body, receivedAt: new Date(Date.now() + i * 60_000) };
  });
  await Promise.all(
    webhooks.map((webhook) => {
      const verdict = verifyWebhook(known, webhook);
      if (verdict.valid) throw new Error('it is meant to be refused');
      return book.record(book.examine(known, webhook, verdict, 'DE'));
    }),
  );
  const row = await db
    .selectFrom('refusal')
    .select('ticket_id as ticketId')
    .where('provider', '=', known.name)
    .executeTakeFirstOrThrow();
  return row.ticketId!;
}

async function ticketAndDeps(count: number, sealedWith: SealKeys, openedWith: SealKeys) {
  const ticketId = await refuse(count, sealedWith);
  const { source } = await db
    .selectFrom('ticket')
    .select('source')
    .where('id', '=', ticketId)
    .executeTakeFirstOrThrow();
  const providers = [provider({ name: source, secrets: ['new', 'old'] })];
  return { ticketId, deps: { db, writer, providers, secretKeys: openedWith } };
}

test('more refusals than are held in memory at once are all verified again, and their ticket is done', async () => {
  const { ticketId, deps } = await ticketAndDeps(230, today!, today!);
  const report = await verifyAgain(deps, { ticketId, actor: ann });
  expect(report).toEqual({ tried: 230, accepted: 230, stillRefused: 0, causes: {} });
  const ticket = await db.selectFrom('ticket').select('state').where('id', '=', ticketId).executeTakeFirst();
  expect(ticket?.state).toBe('resolved');
});

test('bytes sealed with a key that is gone are told as such, and do not stop the others', async () => {
  const { ticketId, deps } = await ticketAndDeps(3, today!, tomorrow!);
  const report = await verifyAgain(deps, { ticketId, actor: ann });
  expect(report).toEqual({ tried: 3, accepted: 0, stillRefused: 3, causes: { sealed_with_another_key: 3 } });
});
