import type { Act, Risk } from '../../people/person.ts';
import type { Order } from '../words/breaker-words.ts';
import type { ButtonData, TicketAction } from './button-data.ts';
import type { OverrideAction } from './override-button-data.ts';

type PressRule = { act: Act; risk: Risk };

/** What every button asks for and what it may cost; a button without an entry does not compile. */
export const PRESS_RULES = {
  ticket: {
    ack: { act: 'acknowledge', risk: 'R1' },
    inspect: { act: 'read', risk: 'R0' },
    retry: { act: 'retry', risk: 'R2' },
    retryall: { act: 'retry', risk: 'R2' },
    resolve: { act: 'resolve', risk: 'R1' },
    reopen: { act: 'reopen', risk: 'R1' },
    verify: { act: 'verify', risk: 'R1' },
    confirm: { act: 'acknowledge', risk: 'R1' },
    release: { act: 'acknowledge', risk: 'R1' },
    handover: { act: 'acknowledge', risk: 'R1' },
    snooze: { act: 'acknowledge', risk: 'R1' },
    escalate: { act: 'acknowledge', risk: 'R1' },
    timeline: { act: 'read', risk: 'R0' },
    override: { act: 'override', risk: 'R0' },
  } satisfies Record<TicketAction, PressRule>,
  breaker: {
    trip: { act: 'breaker', risk: 'R2' },
    release: { act: 'breaker', risk: 'R2' },
    reset: { act: 'breaker', risk: 'R2' },
    hold: { act: 'breaker', risk: 'R2' },
  } satisfies Record<Order, PressRule>,
  hand: { over: { act: 'acknowledge', risk: 'R1' } satisfies PressRule },
  override: {
    approve: { act: 'override', risk: 'R3' },
    refuse: { act: 'override', risk: 'R1' },
    glass: { act: 'override', risk: 'R3' },
    review: { act: 'override', risk: 'R1' },
    reconcile: { act: 'override', risk: 'R2' },
    revert: { act: 'override', risk: 'R2' },
  } satisfies Record<OverrideAction, PressRule>,
  payment: { retry: { act: 'retry', risk: 'R2' } satisfies PressRule },
};

export function ruleOf(button: ButtonData): PressRule {
  switch (button.kind) {
    case 'ticket':
      return PRESS_RULES.ticket[button.action];
    case 'breaker':
      return PRESS_RULES.breaker[button.order];
    case 'hand':
      return PRESS_RULES.hand.over;
    case 'override':
      return PRESS_RULES.override[button.action];
    case 'payment':
      return PRESS_RULES.payment.retry;
  }
}
