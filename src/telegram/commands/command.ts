import { FormattedString } from '@grammyjs/parse-mode';
import type { Act, Risk } from '../../people/person.ts';
import type { Answer, BotDeps, Request, Scope } from '../bot-context.ts';

export type CommandRequest = Request & {
  /** What follows the command, trimmed. */
  args: string;
  chatId: number;
  /** The message this one answers, if any. */
  repliedMessageId: number | null;
};

export type Command = {
  name: string;
  /** One line for the menu and the help. */
  hint: string;
  example: string;
  /** What it asks for; null is open to everybody. */
  act: Act | null;
  /** What it asks for with these arguments, where that differs. */
  actFor?: (args: string) => Act;
  risk: Risk;
  /** The risk with these arguments and in this place, where that differs. */
  riskFor?: (args: string, scope: Scope) => Risk;
  /** In whose menus it stands; what a person may do is decided when it is asked. */
  menus: Scope[];
  /** Its words may be an id that is an e-mail address; any other command sees addresses masked. */
  hearsAddresses?: boolean;
  run: (deps: BotDeps, request: CommandRequest) => Promise<Answer>;
};

export function say(text: string): Answer {
  return { text: new FormattedString(text) };
}

/** What to answer to arguments nobody can read. */
export function sayExample(command: Pick<Command, 'example'>, need: string): Answer {
  return say(`🤔 ${need} For example: ${command.example}`);
}

/** In the group only a card's own buttons change something, and what is only for the team's eyes is not shown. */
export function sayInPrivate({ bot }: Pick<Request, 'bot'>, what: string): Answer {
  const text = new FormattedString(`🔒 ${what} in our private chat. Nothing has changed.`);
  return { text, keyboard: { inline_keyboard: [[{ text: '💬 Go there ↗', url: `https://t.me/${bot.username}` }]] } };
}
