import type { Chat, Message, Update } from '@grammyjs/types';
import type { Api } from 'grammy';
import type { UserFromGetMe } from 'grammy/types';
import { endCustomerChats } from '../people/customer-chat-store.ts';
import { noteOfferMessage } from '../people/factor-store.ts';
import type { Person } from '../people/person.ts';
import { findPerson, markPrivateChat, rememberName } from '../people/person-store.ts';
import { answerCode, removeGroupCode } from './admission/bot-codes.ts';
import { type Place, placeOf, type Sender, senderOf } from './admission/identify.ts';
import { personalMenu, syncMenu } from './admission/menus.ts';
import { answerMessage, refuseElsewhere } from './bot-commands.ts';
import type { Answer, BotDeps, Request } from './bot-context.ts';
import { findAskedOrder } from './breaker-order.ts';
import { handlePress } from './buttons/press.ts';
import { keepReasonQuestion } from './buttons/question-store.ts';
import { parseCommand } from './commands/parse.ts';
import type { Form } from './guided/form.ts';
import { answerForm, pressForm, startForm } from './guided/guided.ts';
import { parseGuidedButton } from './guided/screen.ts';
import { MASKED_CODE } from './incoming/update-masking.ts';
import { type Destination, sendAnswer } from './sending/bot-reply.ts';
import { findCurrentChatId, migrateChat } from './sending/sender-chat-store.ts';

export type UpdateTools = { deps: BotDeps; api: Api; me: UserFromGetMe; forms: Form[] };

/** `isProven`: it waited for a code, and the code was right. */
type Again = { isProven: boolean };
const FIRST: Again = { isProven: false };

/** A message: in the engineering chat or in private it may be answered, anywhere else it is nothing to us. */
export async function handleMessage(
  tools: UpdateTools,
  update: Update,
  message: Message,
  again = FIRST,
): Promise<void> {
  const { deps, me } = tools;
  const moved = readMigration(message);
  if (moved) return noteMigration(deps, moved.from, moved.to);
  const { request, place } = await identify(tools, update, message.chat, again);
  if (place === 'elsewhere')
    return refuseElsewhere(deps, request, { update, message, command: parseCommand(message.text, me.username) });
  if (place === 'private' && message.text === MASKED_CODE)
    return answerCode(tools, request, message, (waiting) => handleAgain(tools, waiting));
  if (message.text === MASKED_CODE) return removeGroupCode(tools, request, message);
  const command = parseCommand(message.text, me.username);
  const isCancel = command?.name === 'cancel';
  const isForForm = place === 'private' && (isCancel || (command === null && !(await findAskedOrder(deps, message))));
  if (isForForm && (await answerForm(tools, request, update, message, isCancel))) return;
  const answer = await answerMessage(deps, request, { update, message, command });
  if (place === 'private' && command?.name === 'start') await openPrivateChat(tools, request);
  if (answer?.form) return startForm(tools, request, message, answer.form);
  if (answer) await giveAnswer(tools, answerTo(message, place), answer);
}

/** What waited for a code goes the whole way again: who, whether they may by now, whether it has changed meanwhile. */
function handleAgain(tools: UpdateTools, waiting: Update): Promise<void> {
  const again = { isProven: true };
  if (waiting.callback_query) return handleCallback(tools, waiting, again);
  return waiting.message ? handleMessage(tools, waiting, waiting.message, again) : Promise.resolve();
}

async function giveAnswer({ deps, api }: UpdateTools, to: Destination, answer: Answer): Promise<void> {
  const reply = await sendAnswer(api, deps.log, to, answer);
  if (reply.outcome !== 'sent') return;
  if (answer.offerTo !== undefined) await noteOfferMessage(deps.db, answer.offerTo, reply.messageId);
  if (!answer.question) return;
  await keepReasonQuestion(deps.db, { chatId: to.chatId, messageId: reply.messageId }, answer.question);
}

/** A press of a button. */
export async function handleCallback(tools: UpdateTools, update: Update, again = FIRST): Promise<void> {
  const query = update.callback_query!;
  const { request, place } = await identify(tools, update, query.message?.chat, again);
  if (parseGuidedButton(query.data)) return pressForm(tools, request, update, query);
  await handlePress(tools.deps, tools.api, { request, update, query, place, botId: tools.me.id });
}

/** Somebody blocked the bot or let it in again; in the group it is the sender of cards who notices at the next one. */
export async function handleMembership({ deps }: UpdateTools, update: Update): Promise<void> {
  const { chat, from, new_chat_member: now } = update.my_chat_member!;
  if (chat.type !== 'private')
    return deps.log.info({ chatId: chat.id, status: now.status }, 'the bot’s place in a group changed');
  const isBlocked = now.status === 'kicked';
  await markPrivateChat(deps.db, from.id, !isBlocked);
  if (isBlocked) await endCustomerChats(deps.db, from.id);
}

async function identify(
  { deps, me }: UpdateTools,
  update: Update,
  chat: Pick<Chat, 'id' | 'type'> | undefined,
  { isProven }: Again,
): Promise<{ request: Request; place: Place }> {
  const sender = senderOf(update);
  const [chatId, person] = await Promise.all([
    currentChatId(deps),
    sender.kind === 'human' ? findPerson(deps.db, sender.id) : null,
  ]);
  const place = isOurGroup(deps, chat) ? 'group' : placeOf(chat, chatId);
  if (person) await rememberNameOf(deps, sender, person);
  const named = person && sender.kind === 'human' ? { ...person, firstName: sender.firstName } : person;
  const scope = place === 'group' ? 'group' : 'private';
  return {
    place,
    request: { updateId: update.update_id, sender, person: named, scope, isProven, bot: { username: me.username } },
  };
}

/** Under its first id too: a press that waited for a code while the group moved was made there. Nobody can say anything under it any more. */
function isOurGroup({ engineeringChatId }: BotDeps, chat: Pick<Chat, 'id'> | undefined): boolean {
  return engineeringChatId !== null && chat?.id === engineeringChatId;
}

async function currentChatId({ db, engineeringChatId }: BotDeps): Promise<number | null> {
  return engineeringChatId === null ? null : findCurrentChatId(db, engineeringChatId);
}

async function rememberNameOf({ db }: BotDeps, sender: Sender, known: Person): Promise<void> {
  if (sender.kind !== 'human') return;
  if (sender.firstName !== known.firstName || sender.username !== known.username)
    await rememberName(db, sender.id, sender);
}

/** Only now may the bot write to this person first, and only now can their chat have a menu of its own. */
async function openPrivateChat({ deps, api }: UpdateTools, { sender }: Request): Promise<void> {
  const person = sender.kind === 'human' ? await findPerson(deps.db, sender.id) : null;
  if (!person?.active) return;
  await markPrivateChat(deps.db, person.telegramId);
  await syncMenu({ db: deps.db, api, log: deps.log }, personalMenu(person));
}

function answerTo(message: Message, place: Place): Destination {
  const isTopic = message.is_topic_message === true && message.message_thread_id !== undefined;
  return {
    chatId: message.chat.id,
    ...(place === 'group' ? { replyTo: message.message_id } : {}),
    ...(isTopic ? { threadId: message.message_thread_id! } : {}),
  };
}

/** A group that becomes a supergroup says so on both sides, under the old id and under the new. */
function readMigration(message: Message): { from: number; to: number } | null {
  if (message.migrate_to_chat_id !== undefined) return { from: message.chat.id, to: message.migrate_to_chat_id };
  if (message.migrate_from_chat_id !== undefined) return { from: message.migrate_from_chat_id, to: message.chat.id };
  return null;
}

async function noteMigration(deps: BotDeps, from: number, to: number): Promise<void> {
  if (!(await migrateChat(deps.db, from, to))) return;
  deps.log.warn({ from, to }, 'the engineering chat has become a supergroup and has a new id');
  deps.wake('card');
}
