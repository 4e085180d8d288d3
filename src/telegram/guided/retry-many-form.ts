import { startStagedRedrive } from '../../delivery/staged-redrive.ts';
import { findTicket } from '../../escalation/ticket-query.ts';
import { actorOf } from '../../people/person.ts';
import { paymentsWords } from '../buttons/press-words.ts';
import { causeWords } from '../cards/card-text.ts';
import { parseTicketId } from '../commands/parse.ts';
import { stateWords } from '../words/breaker-words.ts';
import { ask, confirmStep, type Form, skip, stop, taken, wrong } from './form.ts';
import { findClosedDoor } from './retry-outlook.ts';

/** Retry of all that lies dead on a ticket: one, then five, then the rest. What was counted before it was confirmed is what is tried. */
export const retryManyForm: Form = {
  name: 'retry-many',
  version: 1,
  title: '🔁 Retry of many',
  act: 'retry',
  steps: [
    {
      name: 'ticket',
      ask: async () => ask('Which ticket? Send its number.'),
      read: async ({ deps }, raw) => {
        const id = parseTicketId(raw);
        const ticket = id === null ? null : await findTicket(deps.db, id);
        return ticket ? taken(ticket.name) : wrong('There is no such ticket.');
      },
    },
    {
      name: 'count',
      ask: async ({ deps }, { ticket = '' }) => {
        const view = await findTicket(deps.db, parseTicketId(ticket)!);
        return view && view.deadEvents > 0 ? skip(String(view.deadEvents)) : stop(`👌 Nothing to retry on ${ticket}.`);
      },
      read: async (_tools, raw) => taken(raw),
    },
    confirmStep({ label: '🔁 Retry them', risk: 'R2' }, async ({ deps }, { ticket = '', count = '' }) => {
      const view = await findTicket(deps.db, parseTicketId(ticket)!);
      const door = findClosedDoor(await deps.breakers.list(), deps.tellsProduct);
      if (door)
        return stop(
          `⛔ The breaker of ${door.name} is ${stateWords(door.state)}: nothing is called, so they would only wait. Nothing was changed.`,
        );
      return [
        `${ticket} · ${view ? causeWords(view) : ''}`,
        `${paymentsWords(Number(count))} would be tried again: one at first, then five, then the rest. It stops where a fifth of a stage fails.`,
      ].join('\n');
    }),
  ],
  carryOut: async (deps, { commandId, answers, person }) => {
    const { ticket = '', count } = answers;
    const expected = Number(count);
    const audience = { personId: person.telegramId };
    const start = { ticketId: parseTicketId(ticket)!, commandId, actor: actorOf(person), expected, audience };
    const result = await startStagedRedrive(deps.db, start);
    if (result.outcome === 'changed')
      return `⚠ There are ${result.events} by now instead of ${expected}. Nothing was changed: look again with /retry ${ticket}.`;
    for (const topic of ['event', 'notice', 'card'] as const) deps.wake(topic);
    return `🔁 ${ticket}: ${paymentsWords(result.events)} are being tried again, one at first. What comes of it follows.`;
  },
};
