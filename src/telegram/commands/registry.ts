import type { Scope } from '../bot-context.ts';
import { breaker } from './breaker.ts';
import type { Command } from './command.ts';
import { drill } from './drill.ts';
import { createHelp } from './help.ts';
import { note } from './note.ts';
import { retry } from './retry.ts';
import { start } from './start.ts';
import { stats } from './stats.ts';
import { ticket } from './ticket.ts';
import { tickets } from './tickets.ts';
import { tx } from './tx.ts';

const COMMANDS: Command[] = [tickets, ticket, tx, retry, breaker, stats, note, drill, createHelp(menuOf), start];

export function findCommand(name: string): Command | null {
  return COMMANDS.find((command) => command.name === name) ?? null;
}

export function menuOf(scope: Scope): Command[] {
  return COMMANDS.filter((command) => command.menus.includes(scope));
}

export function listCommandNames(): string[] {
  return COMMANDS.map((command) => command.name);
}
