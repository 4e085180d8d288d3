import type { BotCommand, BotCommandScope } from '@grammyjs/types';
import { type Api, GrammyError } from 'grammy';
import { mayAct, type Person } from '../../people/person.ts';
import { listActivePeople } from '../../people/person-store.ts';
import type { Db } from '../../platform/database.ts';
import type { Logger } from '../../platform/log.ts';
import { menuOf } from '../commands/registry.ts';
import { findAwayMs } from '../incoming/update-verdict.ts';
import { callSignal } from '../sending/bot-reply.ts';

export type Menu = { scope: BotCommandScope; commands: BotCommand[] };

/** What customers are offered; everything else would only be refused. */
const CUSTOMER_COMMANDS: BotCommand[] = [
  { command: 'start', description: 'What this bot is for' },
  { command: 'forget', description: 'Be told nothing about payments any more' },
  { command: 'help', description: 'Where to ask about your payment' },
];

/** Menus are a hint; what a person may do is decided at every command. */
export function listMenus(people: Person[], engineeringChatId: number | null): Menu[] {
  const reachable = people.filter((person) => person.privateChat);
  return [
    { scope: { type: 'all_private_chats' }, commands: CUSTOMER_COMMANDS },
    ...(engineeringChatId === null ? [] : [groupMenu(engineeringChatId)]),
    ...reachable.map(personalMenu),
  ];
}

function groupMenu(chatId: number): Menu {
  return { scope: { type: 'chat', chat_id: chatId }, commands: menuOf('group').map(toBotCommand) };
}

export function personalMenu(person: Person): Menu {
  const commands = menuOf('private').filter(({ act }) => act === null || mayAct(person, act));
  return { scope: { type: 'chat', chat_id: person.telegramId }, commands: commands.map(toBotCommand) };
}

function toBotCommand({ name, hint }: { name: string; hint: string }): BotCommand {
  return { command: name, description: hint };
}

export type MenuDeps = { db: Db; api: Api; log: Logger };

/** Sets the menus that differ, and answers how many. Throws while Telegram is away; a refusal is logged and passed over. */
export async function syncMenus(deps: MenuDeps, engineeringChatId: number | null): Promise<number> {
  let set = 0;
  for (const menu of listMenus(await listActivePeople(deps.db), engineeringChatId)) {
    if (await syncMenu(deps, menu)) set += 1;
  }
  return set;
}

export async function syncMenu({ api, log }: MenuDeps, menu: Menu): Promise<boolean> {
  try {
    const { scope } = menu;
    if (isSame(await readMenu(api, scope), menu.commands)) return false;
    await api.setMyCommands(menu.commands, { scope }, callSignal());
    return true;
  } catch (error) {
    if (findAwayMs(error) !== null) throw error;
    log.warn({ err: error, scope: menu.scope }, 'a menu could not be set');
    return false;
  }
}

/** A server that does not know the method has no menu either. */
async function readMenu(api: Api, scope: BotCommandScope): Promise<BotCommand[]> {
  try {
    return await api.getMyCommands({ scope }, callSignal());
  } catch (error) {
    if (error instanceof GrammyError && findAwayMs(error) === null) return [];
    throw error;
  }
}

function isSame(a: BotCommand[], b: BotCommand[]): boolean {
  const words = (commands: BotCommand[]) =>
    commands.map(({ command, description }) => `${command} ${description}`).join('\n');
  return words(a) === words(b);
}
