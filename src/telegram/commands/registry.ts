import type { Scope } from '../bot-context.ts';
import { approvals } from './approvals.ts';
import { breaker } from './breaker.ts';
import { cancel } from './cancel.ts';
import type { Command } from './command.ts';
import { drill } from './drill.ts';
import { enroll } from './enroll.ts';
import { exportTicket } from './export.ts';
import { forget } from './forget.ts';
import { freeze, unfreeze } from './freeze.ts';
import { createHelp } from './help.ts';
import { me } from './me.ts';
import { note } from './note.ts';
import { oncall } from './oncall.ts';
import { override } from './override.ts';
import { policy } from './policy.ts';
import { retry } from './retry.ts';
import { roles } from './roles.ts';
import { shift } from './shift.ts';
import { start } from './start.ts';
import { stats } from './stats.ts';
import { ticket } from './ticket.ts';
import { merge, resolve, severity } from './ticket-orders.ts';
import { tickets } from './tickets.ts';
import { tx } from './tx.ts';

const COMMANDS: Command[] = [
  tickets,
  ticket,
  tx,
  retry,
  override,
  approvals,
  breaker,
  stats,
  note,
  oncall,
  shift,
  resolve,
  severity,
  merge,
  exportTicket,
  drill,
  policy,
  me,
  enroll,
  roles,
  freeze,
  unfreeze,
  cancel,
  forget,
  createHelp(menuOf),
  start,
];

export function findCommand(name: string): Command | null {
  return COMMANDS.find((command) => command.name === name) ?? null;
}

export function menuOf(scope: Scope): Command[] {
  return COMMANDS.filter((command) => command.menus.includes(scope));
}

export function listCommands(): readonly Command[] {
  return COMMANDS;
}

export function listCommandNames(): string[] {
  return COMMANDS.map((command) => command.name);
}
