import { listReachableOnCall } from './duty/roster-store.ts';
import { openOperationalTicket } from './escalation/open-ticket.ts';
import { type Ground, tellsProduct } from './ground.ts';
import type { EventWriter } from './intake/event-writer.ts';
import { verifyAgain } from './intake/verify-again.ts';
import { overridesFor } from './override-part.ts';
import { seedPeople } from './people/person-store.ts';
import { type CardBacklog, readCardBacklog } from './platform/backlog-query.ts';
import type { WholeConfig } from './stand-ins.ts';
import { createTelegramIn } from './telegram/bot.ts';
import { createBotName } from './telegram/bot-name.ts';
import { startDrillWatch } from './telegram/drill.ts';
import { createTelegramApi } from './telegram/sending/api-client.ts';
import { startSender } from './telegram/sending/sender.ts';
import { findChatState } from './telegram/sending/sender-chat-store.ts';

export async function startTelegram(
  ground: Ground,
  bot: NonNullable<WholeConfig['telegram']>,
  writer: EventWriter,
): Promise<void> {
  const { config, db, log, wake, replicaId } = ground;
  await seedPeople(db, config);
  const incoming = createTelegramIn({
    ...ground,
    ...bot,
    publicUrl: config.publicUrl,
    webhookSecret: config.telegramWebhookSecret,
    secretKeys: config.secretKeys,
    plans: config.plans,
    tellsProduct: tellsProduct(config),
    overrides: overridesFor(ground),
    verifyAgain: (request) => verifyAgain({ ...config, db, writer }, request),
    onDeadUpdate: async (dead) => {
      // The card stands in the group: what exactly went wrong is in the log and on the update's row.
      const text = `update ${dead.updateId} (${dead.kind}) failed five times`;
      const finding = {
        stage: 'telegram',
        source: 'telegram',
        errorFamily: `update: ${dead.kind}`,
        severity: 'P4',
        text,
      } as const;
      await openOperationalTicket(db, finding);
      wake('card');
    },
  });
  incoming.registerWebhook(ground.app);
  incoming.start();
  ground.onStop(incoming.stop);
  ground.health.watchPart('telegram', () => describeState(incoming.state()));
  const sender = startSender({
    ...ground,
    api: createTelegramApi({ ...bot, metrics: ground.metrics }),
    configuredChatId: bot.engineeringChatId,
    threadId: config.engineeringTopics.tickets,
    topics: config.engineeringTopics,
    holder: replicaId,
    listOnCall: listReachableOnCall,
  });
  ground.onStop(sender.stop);
  ground.onStop(startDrillWatch(ground).stop);
  ground.health.watchPart('engineering chat', async () => {
    const missing = sender.missingRights();
    if (missing.length > 0) return `the bot lacks ${missing.join(', ')}`;
    return describeState(await findChatState(db, bot.engineeringChatId, ground.clock.now()));
  });
  ground.health.watchPart('cards', async () => describeCards(await readCardBacklog(db)));
  log.info({ chat: bot.engineeringChatId }, 'telegram is on');
}

/** A process that only answers the API knows the bot by its token. */
export function botNameFor({ config, metrics, log }: Ground): (() => Promise<string | null>) | null {
  const { telegram, botToken, telegramApiRoot } = config;
  const bot = telegram ?? (botToken === null ? null : { token: botToken, apiRoot: telegramApiRoot });
  return bot && createBotName({ api: createTelegramApi({ ...bot, metrics }), log });
}

function describeState({ state, detail }: { state: string; detail: string | null }): string {
  return detail === null ? state : `${state}: ${detail}`;
}

/** A card is late when it has waited for longer than a look at the rows and a call take. */
const CARD_LATE_SECONDS = 5;

function describeCards({ cardsWaiting, oldestCardSeconds }: CardBacklog): string {
  if (oldestCardSeconds < CARD_LATE_SECONDS) return 'ok';
  return `${cardsWaiting} not shown yet, the oldest for ${Math.round(oldestCardSeconds)} s`;
}
