import { sql } from 'kysely';
import { onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import { ENGINEERING_CHAT_ID } from '../../sandbox/telegram/world.ts';
import { listReachableOnCall } from '../../src/duty/roster-store.ts';
import type { Db } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { StuckPagesDeps } from '../../src/telegram/cards/stuck-pages.ts';
import { createTelegramApi } from '../../src/telegram/sending/api-client.ts';
import { runSenderOnce, type SenderDeps } from '../../src/telegram/sending/sender.ts';

export const CHAT = ENGINEERING_CHAT_ID;
const START_MS = Date.parse('2026-11-22T12:00:00Z');

export type Harness = Awaited<ReturnType<typeof createSenderHarness>>;

/** A sender in front of a sandbox of its own, on one clock that only the test moves. */
export async function createSenderHarness(db: Db) {
  await sql`truncate card, notice, chat_spending, chat, lease, redrive, refusal, ticket, person cascade`.execute(db);
  let nowMs = START_MS;
  const sandbox = await startSandbox({ port: 0, now: () => nowMs });
  onTestFinished(() => sandbox.close());
  const metrics = createMetrics();
  const deps: SenderDeps & Pick<StuckPagesDeps, 'listOnCall'> = {
    db,
    api: createTelegramApi({ token: sandbox.telegram.token, apiRoot: sandbox.url, metrics }),
    configuredChatId: CHAT,
    holder: 'replica-1',
    clock: { now: () => new Date(nowMs) },
    log: createLog({ level: 'silent' }),
    metrics,
    listOnCall: listReachableOnCall,
  };
  return {
    db,
    sandbox: sandbox as Sandbox,
    telegram: sandbox.telegram,
    deps,
    metrics,
    now: () => new Date(nowMs),
    pass: (ms: number) => {
      nowMs += ms;
    },
    run: () => runSenderOnce(deps),
    /** Lets time pass in steps, as the polling loop would, running the sender at each. */
    runFor: async (ms: number, stepMs: number, eachStep: () => Promise<unknown> = async () => {}) => {
      for (let passed = 0; passed < ms; passed += stepMs) {
        await eachStep();
        await runSenderOnce(deps);
        nowMs += stepMs;
      }
    },
    openTicket: (changes: TicketSeed = {}) => openTicket(db, new Date(nowMs), changes),
    cards: (chatId = CHAT) => sandbox.telegram.messages(chatId).filter(isCard),
    texts: (chatId = CHAT) => sandbox.telegram.messages(chatId).map((message) => message.text),
    sends: () => sandbox.telegram.requestsOf('sendMessage').length,
    edits: () => sandbox.telegram.requestsOf('editMessageText').length,
  };
}

export function isCard(message: ChatMessage): boolean {
  return /^P[1-4] · [A-Z]+ · T-\d+\n/.test(message.text);
}

export type TicketSeed = {
  severity?: string;
  errorFamily?: string;
  failures?: number;
  dependency?: string | null;
  stage?: string;
  source?: string;
};

let causes = 0;

export async function openTicket(db: Db, at: Date, seed: TicketSeed): Promise<number> {
  causes += 1;
  const { id } = await db
    .insertInto('ticket')
    .values({
      fingerprint: `cause ${causes}`,
      stage: seed.stage ?? 'delivery',
      source: seed.source ?? 'acme',
      dependency: seed.dependency === undefined ? 'activation' : seed.dependency,
      error_family: seed.errorFamily ?? 'HTTP 503',
      severity: (seed.severity ?? 'P2') as 'P2',
      failures: seed.failures ?? 1,
      countries: '{}',
      opened_at: at,
      first_failure_at: at,
      last_failure_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** More failures of the same cause, none of which looks like the one before. */
export async function failDifferently(db: Db, ticketId: number, count: number): Promise<void> {
  await failAgain(db, ticketId, count);
  await sql`update ticket set sample_transaction = 'tx' || failures where id = ${ticketId}`.execute(db);
}

/** More failures of the same cause: counters, and nothing a person did. */
export async function failAgain(db: Db, ticketId: number, count: number): Promise<void> {
  await sql`update ticket set failures = failures + ${count}, wanted_revision = wanted_revision + 1 where id = ${ticketId}`.execute(
    db,
  );
}

/** What acknowledging does to the row. */
export async function acknowledge(db: Db, ticketId: number): Promise<void> {
  await sql`
    update ticket set state = 'acknowledged', owner_id = 1001, owner_name = 'Ann', state_revision = state_revision + 1,
      wanted_revision = wanted_revision + 1, urgent_revision = wanted_revision + 1
    where id = ${ticketId}`.execute(db);
}

export async function resolve(db: Db, ticketId: number): Promise<void> {
  await sql`
    update ticket set state = 'resolved', resolved_at = clock_timestamp(), state_revision = state_revision + 1,
      wanted_revision = wanted_revision + 1
    where id = ${ticketId}`.execute(db);
}

export async function reopen(db: Db, ticketId: number): Promise<void> {
  await sql`
    update ticket set state = 'open', resolved_at = null, state_revision = state_revision + 1, wanted_revision = wanted_revision + 1
    where id = ${ticketId}`.execute(db);
}

export async function cardRow(db: Db, ticketId: number) {
  return db.selectFrom('card').selectAll().where('ticket_id', '=', ticketId).executeTakeFirst();
}
