import { type Api, GrammyError } from 'grammy';
import type { BotDeps } from '../bot-context.ts';
import { say } from '../commands/command.ts';
import { callSignal, sendAnswer } from '../sending/bot-reply.ts';
import { classifyTelegramRefusal } from '../sending/telegram-errors.ts';
import { claimDrawing, type Drawing, markDrawn, releaseDrawing } from './guided-store.ts';
import { renderScreen } from './screen.ts';

/** Longer than a call may take. */
const LEASE_MS = 10_000;

type DrawDeps = Pick<BotDeps, 'db' | 'log' | 'clock' | 'secretKeys'>;

/**
 * Shows a form as its row says it should look, until that is so; one replica at a time. Throws while Telegram does not answer: what is
 * to be shown stays on the row, for the next who looks.
 */
export async function drawForm(deps: DrawDeps, api: Api, id: number): Promise<void> {
  for (;;) {
    const drawing = await claimDrawing(deps.db, deps.secretKeys, id, { now: deps.clock.now(), leaseMs: LEASE_MS });
    if (!drawing) return;
    try {
      await markDrawn(deps.db, drawing, await draw(deps, api, drawing));
    } catch (error) {
      await releaseDrawing(deps.db, id);
      throw error;
    }
  }
}

async function draw(deps: DrawDeps, api: Api, drawing: Drawing): Promise<number | null> {
  if (drawing.oldMessageId !== null) await takeButtonsAway(deps, api, drawing.chatId, drawing.oldMessageId);
  const picture = renderScreen(drawing.screen, drawing);
  if (drawing.messageId !== null && (await edit(api, drawing, drawing.messageId, picture))) return drawing.messageId;
  const { chatId, threadId } = drawing;
  const to = { chatId, ...(threadId === null ? {} : { threadId }) };
  const reply = await sendAnswer(api, deps.log, to, { ...say(picture.text), keyboard: picture.keyboard });
  return reply.outcome === 'sent' ? reply.messageId : null;
}

/** False when the message is gone and another is to be sent. */
async function edit(
  api: Api,
  { chatId }: Drawing,
  messageId: number,
  { text, keyboard }: ReturnType<typeof renderScreen>,
): Promise<boolean> {
  try {
    await api.editMessageText(chatId, messageId, text, { reply_markup: keyboard }, callSignal());
    return true;
  } catch (error) {
    if (!(error instanceof GrammyError) || isAway(error)) throw error;
    const { error_code: code, description, parameters } = error;
    return classifyTelegramRefusal({ code, description, parameters }).act === 'success';
  }
}

function isAway({ error_code: code }: GrammyError): boolean {
  return code === 429 || code >= 500;
}

/** The question was answered further down. That its buttons stand there a while longer harms nobody: they are of an earlier turn. */
async function takeButtonsAway({ log }: DrawDeps, api: Api, chatId: number, messageId: number): Promise<void> {
  try {
    await api.editMessageReplyMarkup(chatId, messageId, { reply_markup: { inline_keyboard: [] } }, callSignal());
  } catch (error) {
    log.info({ err: error }, 'the buttons of an answered question still stand');
  }
}
