import { FormattedString, fmt } from '@grammyjs/parse-mode';
import { type Act, mayAct, nameOf, type Person } from '../../people/person.ts';
import type { Sender } from '../admission/identify.ts';
import type { Scope } from '../bot-context.ts';

export type HelpLine = { name: string; hint: string; example: string; act: Act | null };

const ELSEWHERE = 'For a question about your own payment, please write to the support of the product where you paid.';

/** To a person of the team: what they can type here. Only what they may do is listed. */
export function helpText(person: Person, scope: Scope, commands: HelpLine[]): FormattedString {
  const allowed = commands.filter((command) => command.act === null || mayAct(person, command.act));
  const lines = allowed.map((command) => fmt`${command.example}\n   ${command.hint}`);
  const place = scope === 'group' ? 'Here you can read and take notes:' : 'This is what you can do here:';
  const end =
    scope === 'group'
      ? 'Retrying a payment by its id, and orders to a breaker, work in our private chat.'
      : 'Cards and their buttons are in the engineering chat.';
  return FormattedString.join([fmt`ℹ️ ${FormattedString.bold(place)}`, ...lines, fmt`${end}`], '\n');
}

export function customerHelpText(): FormattedString {
  return fmt`ℹ️ This bot works for the team that looks after payments. There is nothing you need to set up or do here. If the product gave you a link to this chat, I tell you here what becomes of your payments; /forget ends that. ${ELSEWHERE}`;
}

export function welcomeText(person: Person): FormattedString {
  const lines = [
    fmt`👋 Hello ${nameOf(person)}! When somebody has paid and did not get what they paid for, its card comes to the engineering chat.`,
    fmt`From now on I can call you here, and Inspect can answer you.`,
    ...(mayAct(person, 'retry') ? [fmt`Retries ask for a code of your authenticator: /enroll sets it up, once.`] : []),
    fmt`Try /tickets for what is open, or /help for everything you can do.`,
  ];
  return FormattedString.join(lines, '\n');
}

export function customerWelcomeText(sender: Sender): FormattedString {
  const name = sender.kind === 'human' ? ` ${sender.firstName}` : '';
  return fmt`👋 Hello${name}! This bot works for the team that looks after payments. Payments are checked by themselves, and the team hears of it when one is stuck. ${ELSEWHERE}`;
}

/** Why somebody without the right to gets nothing. It is the same whether what they asked for exists or not. */
export function refusalText(person: Person | null): string {
  if (person === null || !person.active) return `🔒 Sorry, only the payments team can do that here. ${ELSEWHERE}`;
  const may =
    person.role === 'viewer'
      ? 'you can read here, but not change anything'
      : `that is not for ${withArticle(person.role)}`;
  return `🔒 Sorry, ${nameOf(person)}: ${may}. An admin can give you the right to.`;
}

/** `an engineer`, `a lead`. */
export function withArticle(noun: string): string {
  return /^[aeiou]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

export const FACELESS_TEXT =
  '🔒 I can’t see who you are, so I can’t do that. Turn off “Remain anonymous” in this group’s admin settings and try again.';
export const FORWARDED_TEXT =
  '🔒 I don’t act on what was forwarded. Use the card itself, or send the command yourself.';
export const UNREADABLE_TEXT = '🤔 This button is of an earlier version. /tickets shows what is open.';
export const ELSEWHERE_TEXT = '🔒 This button belongs into the engineering chat and does nothing here.';
export const CUSTOMER_TEXT = `🙂 I can’t read messages here. ${ELSEWHERE}`;

export function unknownCommandText(name: string, nearest: string | null): string {
  return nearest
    ? `🤔 I don’t know /${name}. Did you mean /${nearest}?`
    : `🤔 I don’t know /${name}. /help shows what I can do.`;
}
