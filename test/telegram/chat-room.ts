import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Update } from '@grammyjs/types';
import { Api } from 'grammy';
import { sql, type Transaction } from 'kysely';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/main.ts';
import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import type { Press } from '../../sandbox/telegram/pressing.ts';
import { ANN, BEN, CARA, ENGINEERING_CHAT_ID } from '../../sandbox/telegram/world.ts';
import { listBreakers } from '../../src/breaker/breaker-query.ts';
import { commandBreaker } from '../../src/breaker/command.ts';
import { openOrAttach } from '../../src/escalation/open-ticket.ts';
import { findTicket } from '../../src/escalation/ticket-query.ts';
import { seedPeople } from '../../src/people/person-store.ts';
import type { Db } from '../../src/platform/database.ts';
import { createLog } from '../../src/platform/log.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import type { Schema } from '../../src/platform/schema.ts';
import { createWake, type Wake } from '../../src/platform/wake.ts';
import { createTelegramIn, type TelegramIn, type TelegramInDeps } from '../../src/telegram/bot.ts';
import { renderCard } from '../../src/telegram/cards/card-text.ts';
import type { DeadUpdate } from '../../src/telegram/incoming/inbox.ts';
import { storeUpdates } from '../../src/telegram/incoming/inbox-store.ts';
import { createTestDatabase } from '../database.ts';
import { proveFactors } from '../proven.ts';

export { ANN, BEN, CARA, ENGINEERING_CHAT_ID };

/** A viewer, and somebody in the group who is on no list. */
export const VIC = 1003;
export const STRANGER = 1004;

/**
 * The bot against the sandbox's Telegram and a real database: Ann is an engineer, Ben an admin, Vic a viewer, a stranger is in
 * the group too, and Cara is a customer. Cards are drawn by hand, because the sender of cards has tests of its own.
 */
export async function createChatRoom(
  more: Partial<TelegramInDeps> = {},
  { asksForCodes = false }: { asksForCodes?: boolean } = {},
) {
  const { db, pool, url } = await createTestDatabase();
  const log = createLog({ level: 'silent' });
  const dead: DeadUpdate[] = [];
  const room = { db, dead, sandbox: null as unknown as Sandbox, bot: null as unknown as TelegramIn };
  const knobs = { slowVerifyMs: 0 };
  let wake: Wake;

  const start = async () => {
    room.sandbox = await startSandbox({ port: 0, budgets: GENEROUS });
    addPeople(room.sandbox);
    wake = await createWake({ pool, listenUrl: url, log });
    room.bot = createTelegramIn({ ...settings(), ...more });
    room.bot.start();
    await vi.waitFor(() => expect_(room.bot.state().state === 'polling'), WAITING);
  };

  const settings = (): TelegramInDeps => ({
    db,
    log,
    wake,
    clock: { now: () => new Date() },
    metrics: createMetrics(),
    token: room.sandbox.telegram.token,
    apiRoot: room.sandbox.url,
    publicUrl: null,
    webhookSecret: null,
    replicaId: randomUUID(),
    engineeringChatId: ENGINEERING_CHAT_ID,
    plans: {},
    breakers: { list: () => listBreakers(db), command: (command) => commandBreaker(db, command) },
    tellsProduct: false,
    overrides: { isOnCall: async () => true, findCustomerChat: async () => null },
    secretKeys: [Buffer.alloc(32, 'seal')],
    verifyAgain: async () => {
      await setTimeout(knobs.slowVerifyMs);
      return { tried: 3, accepted: 2, stillRefused: 1, causes: { wrong_secret: 1 } };
    },
    onDeadUpdate: async (update) => void dead.push(update),
  });

  beforeAll(start);
  beforeEach(async () => {
    room.sandbox.telegram.clearFaults();
    await seedPeople(db, { adminIds: [BEN], engineerIds: [ANN] });
    await db
      .insertInto('person')
      .values({ telegram_id: VIC, role: 'viewer' })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    if (!asksForCodes) await proveFactors(db, [ANN, BEN]);
  });
  afterAll(async () => {
    await room.bot.stop();
    await wake.close();
    await room.sandbox.close();
  });

  const telegram = () => room.sandbox.telegram;
  /** The bot's last message in somebody's private chat. */
  const last = (personId = ANN) =>
    telegram()
      .messages(personId)
      .findLast((message) => message.from.isBot)!;
  const lastId = (chatId: number) => telegram().messages(chatId).at(-1)?.messageId ?? 0;

  const settle = () =>
    vi.waitFor(async () => {
      expect_(telegram().world.queue.pending.length === 0);
      const rows = await db.selectFrom('telegram_update').select('update_id').where('state', '=', 'pending').execute();
      expect_(rows.length === 0);
    }, WAITING);

  return Object.assign(knobs, {
    room,
    db,
    dead,
    telegram,
    settings,
    ...createSeeds(db, () => room.sandbox),
    /** What the bot says to a command: its first new message in that chat. */
    ask: async (
      personId: number,
      chatId: number,
      text: string,
      options?: { replyTo?: number },
    ): Promise<ChatMessage> => {
      const before = lastId(chatId);
      telegram().say(personId, chatId, text, options);
      return telegram().waitForMessage(
        chatId,
        (message) => message.messageId > before && message.from.id === telegram().bot.id,
      );
    },
    open: async (personId: number, payload?: string): Promise<ChatMessage> => {
      const before = telegram().world.chats[personId] ? lastId(personId) : 0;
      telegram().startPrivate(personId, payload);
      return telegram().waitForMessage(
        personId,
        (message) => message.messageId > before && message.from.id === telegram().bot.id,
      );
    },
    last,
    /** What stands on the buttons of the bot's last message. */
    labels: () =>
      last()
        .buttons.flat()
        .map((button) => button.text),
    /** Everything said and pressed so far has been handled. */
    settle,
    /** An update that no person could send from the chat page; handled when this ends. */
    deliver: async (content: object) => {
      delivered += 1;
      await storeUpdates(db, [{ update_id: delivered, ...content } as Update]);
      wake('update');
      await settle();
    },
    /** The attempts, the last one first; what an act changed is on record besides. */
    audited: () =>
      db
        .selectFrom('audit')
        .select(['actor', 'action', 'target', 'allowed'])
        .where('place', 'is not', null)
        .orderBy('id', 'desc')
        .execute(),
  });
}

const WAITING = { timeout: 8_000, interval: 10 };
/** Flood control is the sender's to live with; here everybody talks at once. */
const GENEROUS = {
  groupSendsPerMinute: null,
  groupEditsPerMinute: null,
  privateBurst: null,
  overallPerSecond: null,
};

function expect_(condition: boolean): void {
  if (!condition) throw new Error('not yet');
}

function addPeople({ telegram }: Sandbox): void {
  telegram.addPerson({ id: VIC, firstName: 'Vic' });
  telegram.addPerson({ id: STRANGER, firstName: 'Sam' });
  telegram.join(VIC, ENGINEERING_CHAT_ID);
  telegram.join(STRANGER, ENGINEERING_CHAT_ID);
}

export async function textOf(press: Press): Promise<string> {
  const answer = await press.answer;
  return answer.kind === 'answered' ? answer.text : 'EXPIRED';
}

let seeded = 0;
let delivered = 0;

function createSeeds(db: Db, sandbox: () => Sandbox) {
  /** So many dead payments on a ticket of their own, each with one try that met a 503. */
  const seedTicket = async (count: number): Promise<{ ticketId: number; transactions: string[] }> => {
    seeded += 1;
    const provider = `acme${seeded}`;
    const transactions = Array.from({ length: count }, (_, n) => `tx-${seeded}-${n}`);
    const ticketId = await db.transaction().execute(async (trx) => {
      const cause = { stage: 'delivery', source: provider, dependency: 'activation', errorFamily: 'HTTP 503' } as const;
      const failures = { cause, count, countries: ['DE'], sampleTransaction: transactions[0]!, needsLook: false };
      await forgetCauses(trx);
      const ticket = await openOrAttach(trx, failures);
      for (const transaction of transactions) await seedDeadEvent(trx, provider, transaction, ticket.ticketId);
      return ticket.ticketId;
    });
    return { ticketId, transactions };
  };

  const seedDeadEvent = async (trx: Db, provider: string, transactionId: string, ticketId: number | null) => {
    const now = new Date();
    const { id } = await trx
      .insertInto('event')
      .values({
        provider,
        dedup_key: `evt:${transactionId}`,
        body_hash: Buffer.alloc(32),
        kind: 'payment_succeeded',
        transaction_id: transactionId,
        user_id: 'jane.doe@example.com',
        amount_minor: 999,
        currency: 'EUR',
        received_at: now,
        state: 'dead',
        reason: 'transient_exhausted',
        error_family: 'HTTP 503',
        due_at: now,
        attempts: 1,
        ticket_id: ticketId,
      } as never)
      .returning('id')
      .executeTakeFirstOrThrow();
    await trx
      .insertInto('attempt')
      .values({
        provider,
        event_id: id,
        n: 1,
        started_at: now,
        duration_ms: 5,
        dependency: 'activation',
        outcome: 'transient',
        http_status: 503,
        error_code: null,
        error: 'the product says: out of seats',
        delay_ms: null,
      })
      .execute();
  };

  /** Draws the ticket's card into the engineering chat, as it is now. */
  const showCard = async (ticketId: number): Promise<number> => {
    const ticket = (await findTicket(db, ticketId))!;
    const { text, entities, keyboard } = renderCard(ticket, new Date());
    const api = new Api(sandbox().telegram.token, { apiRoot: sandbox().url });
    const sent = await api.sendMessage(ENGINEERING_CHAT_ID, text, { entities, reply_markup: keyboard });
    await db
      .insertInto('card')
      .values({ ticket_id: ticketId, chat_id: ENGINEERING_CHAT_ID, message_id: sent.message_id })
      .onConflict((conflict) => conflict.column('ticket_id').doUpdateSet({ message_id: sent.message_id }))
      .execute();
    return sent.message_id;
  };

  return { seedTicket, seedDeadEvent, showCard };
}

/** The tickets of earlier tests keep their cards but lose their cause: the same failure opens another ticket. */
async function forgetCauses(trx: Transaction<Schema>): Promise<void> {
  await sql`delete from cause`.execute(trx);
  await sql`update ticket set fingerprint = fingerprint || ' of ' || id where fingerprint not like '% of %'`.execute(
    trx,
  );
}
