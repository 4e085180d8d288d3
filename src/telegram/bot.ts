import type { Update } from '@grammyjs/types';
import type { FastifyInstance } from 'fastify';
import { type Api, Bot } from 'grammy';
import type { UserFromGetMe } from 'grammy/types';
import type { Metrics } from '../platform/metrics.ts';
import type { Wake } from '../platform/wake.ts';
import type { BotDeps } from './bot-context.ts';
import { createLoop } from './bot-loop.ts';
import { createSetup } from './bot-setup.ts';
import { handleCallback, handleMembership, handleMessage, type UpdateTools } from './bot-updates.ts';
import type { Form } from './guided/form.ts';
import { FORMS } from './guided/forms.ts';
import { runGuidedOnce } from './guided/guided.ts';
import { createInbox, type DeadUpdate } from './incoming/inbox.ts';
import { createPoller } from './incoming/poller.ts';
import { createCodeTaker } from './incoming/typed-code.ts';
import { checkSecret, registerTelegramWebhook, WEBHOOK_PATH } from './incoming/webhook.ts';
import { countAgainstBudget, createTelegramApi } from './sending/api-client.ts';

export type TelegramInDeps = Omit<BotDeps, 'wake'> & {
  wake: Wake;
  metrics: Pick<Metrics, 'telegramCalls'>;
  token: string;
  apiRoot: string;
  /** With it Telegram posts to us; without it we poll. */
  publicUrl: string | null;
  webhookSecret: string | null;
  replicaId: string;
  /** The forms there are, if not all of them. */
  forms?: Form[];
  /** Opens the ticket of an update that nobody could handle. */
  onDeadUpdate: (dead: DeadUpdate) => Promise<void>;
};

type TelegramState = { state: string; detail: string | null };

export type TelegramIn = {
  start: () => void;
  /** Ends the polling first, then waits for the handlers under way. */
  stop: () => Promise<void>;
  /** For `/readyz`: `polling`, `standby` or `webhook` when all is well. */
  state: () => TelegramState;
  /** To be called before the server listens; does nothing when we poll. */
  registerWebhook: (app: FastifyInstance) => void;
};

/** Everything that comes in from Telegram: into the inbox by poll or webhook, out of it through the handlers. */
export function createTelegramIn(deps: TelegramInDeps): TelegramIn {
  const webhook = readWebhook(deps);
  const api = createTelegramApi(deps);
  const inbox = createInbox({
    db: deps.db,
    log: deps.log,
    handle: (update) => bot.handleUpdate(update),
    onDead: deps.onDeadUpdate,
  });
  const bot = createBot(deps, api);
  const onMe = (me: UserFromGetMe) => {
    bot.botInfo = me;
    inbox.start();
  };
  const setup = createSetup({ ...deps, api, holder: deps.replicaId, webhook, onMe });
  const onStored = () => deps.wake('update');
  const takeCode = createCodeTaker(deps);
  const poller = webhook ? null : createPoller({ ...deps, api, holder: deps.replicaId, onStored, takeCode });
  const guided = createGuidedSweep(deps, api);
  let stopListening = () => {};
  return {
    start: () => {
      guided.start();
      stopListening = deps.wake.on('update', inbox.kick);
      setup.start();
      poller?.start();
    },
    stop: async () => {
      stopListening();
      await Promise.all([setup.stop(), poller?.stop(), guided.stop()]);
      await inbox.stop();
    },
    state: () => {
      const { name, detail } = setup.state();
      if (name !== 'ready') return { state: name, detail };
      return poller ? { state: poller.state().name, detail: poller.state().detail } : { state: 'webhook', detail };
    },
    registerWebhook: (app) => {
      if (webhook) registerTelegramWebhook(app, { ...deps, secret: webhook.secret, onStored, takeCode });
    },
  };
}

/** Soon enough that nobody presses a question that should have expired. */
const GUIDED_SWEEP_MS = 5_000;

function createGuidedSweep(deps: TelegramInDeps, api: Api) {
  return createLoop({
    run: async () => {
      await runGuidedOnce({ deps, api, forms: deps.forms ?? FORMS });
      return GUIDED_SWEEP_MS;
    },
    onError: (error) => {
      deps.log.warn({ err: error }, 'forms were not looked after');
      return GUIDED_SWEEP_MS;
    },
  });
}

function readWebhook({ publicUrl, webhookSecret }: TelegramInDeps): { url: string; secret: string } | null {
  if (publicUrl === null) return null;
  checkSecret(webhookSecret ?? '');
  return { url: `${publicUrl.replace(/\/+$/, '')}${WEBHOOK_PATH}`, secret: webhookSecret! };
}

/** grammY tells the kinds of updates apart; it never polls, and who we are is told to it when Telegram has told us. */
function createBot(deps: TelegramInDeps, api: Api): Bot {
  countAgainstBudget(api, { db: deps.db, now: () => deps.clock.now(), isCounted: (chatId) => chatId < 0 });
  const bot = new Bot(deps.token, { client: { apiRoot: deps.apiRoot.replace(/\/+$/, ''), timeoutSeconds: 30 } });
  const tools = (me: UserFromGetMe): UpdateTools => ({ deps, api, me, forms: deps.forms ?? FORMS });
  bot.on('message', (ctx) => handleMessage(tools(ctx.me), ctx.update as Update, ctx.message));
  bot.on('callback_query', (ctx) => handleCallback(tools(ctx.me), ctx.update as Update));
  bot.on('my_chat_member', (ctx) => handleMembership(tools(ctx.me), ctx.update as Update));
  return bot;
}
