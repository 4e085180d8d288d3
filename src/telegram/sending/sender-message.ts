import type { Message } from '@grammyjs/types';
import type { Picture } from '../cards/card-text.ts';
import type { BudgetRequest } from './budget.ts';
import { type CallDeps, type CallResult, spendAndCall } from './sender-call.ts';

export type Envelope = {
  chatId: number;
  request: BudgetRequest;
  picture: Picture;
  /** The message it stands under; a missing one never stops it. */
  replyTo?: number | null;
  threadId?: number | undefined;
  silent?: boolean;
};

const SHORT_TEXT_LENGTH = 1_000;

/** What was refused is sent plainer each time: without entities, then without buttons, then only its beginning. */
export function plainer(picture: Picture, refusals: number): Picture {
  if (refusals === 0) return picture;
  const text = refusals > 2 ? Array.from(picture.text).slice(0, SHORT_TEXT_LENGTH).join('') : picture.text;
  return { text, entities: [], keyboard: refusals > 1 ? { inline_keyboard: [] } : picture.keyboard };
}

/** Sends a new message; into the chat as a whole when its topic is closed or gone. */
export async function sendPicture(deps: CallDeps, envelope: Envelope): Promise<CallResult<{ messageId: number }>> {
  const called = await sendOnce(deps, envelope);
  const topicIsGone = called.outcome === 'refused' && called.act.act === 'recreate_thread';
  if (!topicIsGone || envelope.threadId === undefined) return called;
  deps.log.warn({ threadId: envelope.threadId }, 'the topic is closed or gone; writing to the chat as a whole');
  return sendOnce(deps, { ...envelope, threadId: undefined });
}

async function sendOnce(deps: CallDeps, envelope: Envelope): Promise<CallResult<{ messageId: number }>> {
  const { chatId, request, picture } = envelope;
  const called = await spendAndCall(deps, { chatId, request, method: 'sendMessage' }, (api, signal) =>
    api.sendMessage(
      chatId,
      picture.text,
      {
        ...looksOf(picture),
        ...(envelope.silent ? { disable_notification: true } : {}),
        ...(envelope.threadId === undefined ? {} : { message_thread_id: envelope.threadId }),
        ...replyOf(envelope),
      },
      signal,
    ),
  );
  return called.outcome === 'done' ? withMessageId(called.result) : called;
}

export async function editPicture(
  deps: CallDeps,
  { chatId, request, picture, messageId }: Envelope & { messageId: number },
): Promise<CallResult<{ messageId: number }>> {
  const called = await spendAndCall(deps, { chatId, request, method: 'editMessageText' }, (api, signal) =>
    api.editMessageText(chatId, messageId, picture.text, looksOf(picture), signal),
  );
  const isSo = called.outcome === 'done' || (called.outcome === 'refused' && called.act.act === 'success');
  return isSo ? { outcome: 'done', result: { messageId } } : called;
}

/** Entities instead of a parse mode, so nothing needs escaping; an empty keyboard takes the buttons away. */
function looksOf({ entities, keyboard }: Picture) {
  return {
    ...(entities.length > 0 ? { entities } : {}),
    reply_markup: keyboard,
    link_preview_options: { is_disabled: true },
  };
}

function replyOf({ replyTo }: Envelope) {
  return replyTo ? { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } } : {};
}

/** A server that is not Telegram's may leave the id out; then nobody knows what stands in the chat. */
function withMessageId(message: Partial<Message>): CallResult<{ messageId: number }> {
  return Number.isSafeInteger(message?.message_id)
    ? { outcome: 'done', result: { messageId: message.message_id as number } }
    : { outcome: 'lost', unsent: false, description: 'an answer without a message id' };
}
