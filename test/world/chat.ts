import type { ChatMessage } from '../../sandbox/telegram/chat-message.ts';
import type { PressAnswer } from '../../sandbox/telegram/telegram.ts';
import { ANN, ENGINEERING_CHAT_ID } from '../../sandbox/telegram/world.ts';
import { eventually } from './eventually.ts';
import type { World } from './world.ts';

/** What people do in the chat and see there; `T-1042` names a ticket. */
export type Chat = {
  /** Cards as they stand in the engineering chat now, oldest first. */
  cards(): ChatMessage[];
  /** The ticket's one card, as soon as it shows what is asked for. */
  card(ticket: string, shows?: string | RegExp, withinMs?: number): Promise<ChatMessage>;
  /** The card of the payment's ticket. */
  cardOfPayment(provider: string, transactionId: string, shows?: string | RegExp): Promise<ChatMessage>;
  /** Presses a button and hands back the words of the answer. */
  press(card: ChatMessage, button: string, person?: number): Promise<string>;
  /** Says it in private and hands back the bot's next message there that matches. */
  ask(text: string, options?: { person?: number; shows?: string | RegExp }): Promise<ChatMessage>;
  /** The same in the engineering chat. */
  askGroup(
    text: string,
    options?: { person?: number; shows?: string | RegExp; replyTo?: number },
  ): Promise<ChatMessage>;
  /** The first message of the bot in a chat that shows it, past or to come. */
  message(chatId: number, shows: string | RegExp, withinMs?: number): Promise<ChatMessage>;
};

const WITHIN_MS = 10_000;

export function createChat(world: Pick<World, 'sandbox' | 'api'>): Chat {
  const { telegram } = world.sandbox;

  const fromBot = (chatId: number) =>
    telegram.world.chats[chatId] ? telegram.messages(chatId).filter((message) => message.from.isBot) : [];
  const cards = () => fromBot(ENGINEERING_CHAT_ID).filter(({ text }) => CARD.test(text));
  const card: Chat['card'] = (ticket, shows = '', withinMs = WITHIN_MS) =>
    eventually(() => {
      const own = cards().filter(({ text }) => firstLine(text).endsWith(ticket));
      if (own.length > 1) throw new Error(`${ticket} has ${own.length} cards`);
      if (own[0] && matches(own[0].text, shows)) return own[0];
      throw new Error(`no card of ${ticket} shows ${shows}; there is ${own[0]?.text ?? cards().map(asFirstLine)}`);
    }, withinMs);

  const askIn = async (
    chatId: number,
    text: string,
    options: { person?: number; shows?: string | RegExp; replyTo?: number },
  ) => {
    const { person = ANN, shows = '', replyTo } = options;
    const said = telegram.say(person, chatId, text, replyTo === undefined ? {} : { replyTo });
    return eventually(() => {
      const answers = fromBot(chatId).filter(({ messageId }) => messageId > said.message_id);
      const found = answers.find((answer) => matches(answer.text, shows) && (shows !== '' || !CALL.test(answer.text)));
      if (found) return found;
      throw new Error(
        `nothing after “${text}” shows ${shows}; there is ${JSON.stringify(answers.map((one) => one.text))}`,
      );
    }, WITHIN_MS);
  };

  return {
    cards,
    card,
    cardOfPayment: async (provider, transactionId, shows) => {
      const { id } = await eventually(async () => (await world.api.payment(provider, transactionId))?.ticket);
      return card(id, shows);
    },
    press: async (message, button, person = ANN) =>
      words(await telegram.press(person, message.chatId, message.messageId, button).answer),
    ask: (text, options = {}) => askIn(options.person ?? ANN, text, options),
    askGroup: (text, options = {}) => askIn(ENGINEERING_CHAT_ID, text, options),
    message: (chatId, shows, withinMs = WITHIN_MS) =>
      eventually(() => {
        const found = fromBot(chatId).find(({ text }) => matches(text, shows));
        if (found) return found;
        throw new Error(
          `no message shows ${shows}; there are ${JSON.stringify(fromBot(chatId).map((one) => one.text))}`,
        );
      }, withinMs),
  };
}

/** What its buttons say, in their order. */
export function labelsOf(message: ChatMessage): string {
  return message.buttons
    .flat()
    .map(({ text }) => text)
    .join(' ');
}

/** A call of the on-call comes when it comes, and answers nothing that was asked. */
const CALL = /^📟/;

/** `P2 · UNACKNOWLEDGED · T-1042` */
const CARD = /^P[1-4] · [A-Z]+ · T-\d+$/m;

function firstLine(text: string): string {
  return text.split('\n')[0]!;
}

function asFirstLine(message: ChatMessage): string {
  return firstLine(message.text);
}

function matches(text: string, shows: string | RegExp): boolean {
  return typeof shows === 'string' ? text.includes(shows) : shows.test(text);
}

function words(answer: PressAnswer): string {
  if (answer.kind === 'expired') throw new Error('the press was never answered');
  return answer.text;
}
