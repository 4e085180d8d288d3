import type { InlineKeyboardButton } from '@grammyjs/types';
import type { TicketDuty, TicketView } from '../../escalation/ticket-view.ts';
import { clockTime } from '../words/line-words.ts';

/** What happens to a ticket by itself and when, as its card says it: `escalates to level 2 at 12:14`, `resolve by 13:04`. */
export function dutyWords(duty: TicketDuty, now: Date): string[] {
  return [
    ...(duty.snoozedUntil ? [`snoozed until ${clockTime(duty.snoozedUntil, now)}`] : []),
    ...(duty.nextCall ? [callWords(duty.nextCall, now)] : []),
    ...(duty.ownerUntil ? [`confirm by ${clockTime(duty.ownerUntil, now)}`] : []),
    ...(duty.resolveBy ? [`resolve by ${clockTime(duty.resolveBy, now)}`] : []),
  ];
}

function callWords({ at, level }: NonNullable<TicketDuty['nextCall']>, now: Date): string {
  const time = clockTime(at, now);
  switch (level) {
    case 2:
      return `escalates to level 2 at ${time}`;
    case 3:
      return `everyone is called at ${time}`;
    default:
      return `on-call is called again at ${time}`;
  }
}

type Button = (text: string, action: string) => InlineKeyboardButton;

/** Below what mends it: who has it, and who shall be called. Confirm stands there when the owner is asked. */
export function dutyButtons(ticket: TicketView, button: Button): InlineKeyboardButton[][] {
  switch (ticket.state) {
    case 'open':
      return [[button('⏸ Snooze 30 min', 'snooze'), button('⬆ Escalate', 'escalate')]];
    case 'acknowledged':
      return [
        ...(ticket.duty?.isConfirmAsked ? [[button('✋ Confirm: still mine', 'confirm')]] : []),
        [button('↪️ Release', 'release'), button('🤝 Hand over…', 'handover')],
        [button('⏸ Snooze 30 min', 'snooze'), button('⬆ Escalate', 'escalate')],
      ];
    case 'snoozed':
      return [[button('🤝 Hand over…', 'handover')]];
    default:
      return [];
  }
}
