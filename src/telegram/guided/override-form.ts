import { ticketName } from '../../escalation/ticket-view.ts';
import { findWrongEnd, type OverrideParams } from '../../override/override-decision.ts';
import { findStanding, hasTicket, isPaymentOfAnother } from '../../override/override-store.ts';
import { utcTime } from '../../override/override-words.ts';
import { listGrantable, requestOverride } from '../../override/request.ts';
import { actorOf } from '../../people/person.ts';
import { parseDuration } from '../commands/breaker-parse.ts';
import { findPayment } from '../commands/find-payment.ts';
import { parseTicketId } from '../commands/parse.ts';
import { exactWords, oneLine } from '../words/line-words.ts';
import { overrideDepsOf, requestedWords, requestRefusalWords } from '../words/override-text.ts';
import {
  type Answers,
  ask,
  confirmStep,
  type Form,
  type FormTools,
  type Read,
  skip,
  stop,
  taken,
  wrong,
} from './form.ts';
import { formatPaymentAnswer, parsePaymentAnswer } from './payment-answer.ts';

const NONE = '-';
const KNOWN = 'known';
const ID_BYTES_MAX = 255;
const REASON_LENGTH_MAX = 500;

/** Access by hand: for whom, what, until when, for which payment, why; then a second factor, and another person. */
export const overrideForm: Form = {
  name: 'override',
  version: 1,
  title: '🛠 Override',
  act: 'override',
  steps: [
    {
      name: 'customer',
      hearsAddresses: true,
      ask: async () => ask('Which customer? Send their id, exactly as the product knows it.'),
      read: async (_tools, raw) => {
        if (isMasked(raw))
          return wrong(
            'What looks like a code, a card number or a secret is masked before I see it. Send the id alone, or begin with /override and the transaction id.',
          );
        return isTooLong(raw) ? wrong(TOO_LONG) : taken(raw);
      },
    },
    {
      name: 'again',
      hearsAddresses: true,
      ask: async (tools, { customer = '' }) => {
        const standing = await standingOf(tools, customer, '');
        if (standing.hasOpenRequest)
          return stop('⏳ A request for this customer is open already: /approvals shows it. Nothing was changed.');
        if (standing.isKnown) return skip(KNOWN);
        return ask(
          `⚠ I have never heard of ${exactWords(customer)}. That is so when no webhook of theirs got in, and when the id is mistyped: type it once more.`,
        );
      },
      read: async (_tools, raw, { customer }) =>
        raw === customer ? taken(raw) : wrong('That is another id than before.'),
    },
    {
      name: 'feature',
      ask: async ({ deps }) => {
        const features = await listGrantable(deps.db, deps);
        return ask(
          'Which feature?',
          features.slice(0, 8).map((value) => ({ label: oneLine(value, 40), value })),
        );
      },
      read: async (tools, raw, { customer = '' }) => {
        if (!(await listGrantable(tools.deps.db, tools.deps)).includes(raw))
          return wrong(`No plan has a feature ${oneLine(raw, 40)}.`);
        const { isActive } = await standingOf(tools, customer, raw);
        return isActive ? stop(`👌 ${exactWords(customer)} has ${raw} already. Nothing was changed.`) : taken(raw);
      },
    },
    {
      name: 'until',
      ask: async () =>
        ask('Until when? 31 days at most: such as 12h, 7d or 2026-12-24.', [
          { label: '1 day', value: '1d' },
          { label: '7 days', value: '7d' },
          { label: '31 days', value: '31d' },
        ]),
      read: async ({ now }, raw) => readEnd(raw, now),
    },
    {
      name: 'payment',
      ask: async () =>
        ask(
          'For which payment? Send its transaction id; of one that never arrived, the provider and the id, such as “acme tx456”.',
          [{ label: 'No payment is known', value: NONE }],
        ),
      read: async ({ deps }, raw, { customer = '' }) => notOfAnother(deps, await readPayment(deps, raw), customer),
    },
    {
      name: 'ticket',
      ask: async (tools, { payment = NONE }) => {
        const found = payment === NONE ? null : await findTicketOf(tools, payment);
        const options = found === null ? [] : [{ label: found, value: found }];
        return ask('On which ticket? Send its number.', [...options, { label: 'No ticket', value: NONE }]);
      },
      read: async ({ deps }, raw) => {
        if (raw === NONE) return taken(NONE);
        const id = parseTicketId(raw);
        return id !== null && (await hasTicket(deps.db, id))
          ? taken(ticketName(id))
          : wrong('There is no such ticket.');
      },
    },
    {
      name: 'reason',
      ask: async () => ask('For what reason? Who approves it will read this.'),
      read: async (_tools, raw) =>
        raw.length > REASON_LENGTH_MAX ? wrong(`At most ${REASON_LENGTH_MAX} characters, please.`) : taken(raw),
    },
    {
      name: 'evidence',
      ask: async () =>
        ask('What shows that they paid? A receipt, a line of the provider’s dashboard …', [
          { label: 'Nothing beside the reason', value: NONE },
        ]),
      read: async (_tools, raw) =>
        raw.length > REASON_LENGTH_MAX ? wrong(`At most ${REASON_LENGTH_MAX} characters, please.`) : taken(raw),
    },
    confirmStep({ label: '🛠 Ask for it', risk: 'R3' }, async (tools, answers) => {
      const standing = await standingOf(tools, answers.customer!, answers.feature!);
      if (standing.isActive)
        return stop(`👌 ${exactWords(answers.customer!)} has ${answers.feature} by now. Nothing was changed.`);
      if (standing.hasOpenRequest)
        return stop('⏳ Somebody has asked for this customer meanwhile: /approvals shows it. Nothing was changed.');
      return beforeAndAfter(answers);
    }),
  ],
  carryOut: async (deps, { commandId, answers, person, isProven }) => {
    const now = deps.clock.now();
    const request = { commandId, actor: actorOf(person), params: toParams(answers), isConfirmed: true, isProven, now };
    const result = await requestOverride(overrideDepsOf(deps), request);
    return result.outcome === 'refused' ? requestRefusalWords(result.why) : requestedWords(result);
  },
};

/** What the inbox has put in the place of a secret or a code, or of an address beside one. */
function isMasked(text: string): boolean {
  return text.includes('[masked]') || text.includes('••');
}

const TOO_LONG = 'That is too long for an id.';

/** No webhook has brought an id of so many bytes. */
function isTooLong(id: string): boolean {
  return Buffer.byteLength(id) > ID_BYTES_MAX;
}

function standingOf({ deps, now }: FormTools, userId: string, feature: string) {
  return findStanding(deps.db, { userId, feature, now });
}

function readEnd(raw: string, now: Date) {
  const ms = parseDuration(raw);
  const isDay = /^\d{4}-\d\d-\d\d$/.test(raw);
  const until = ms !== null ? new Date(now.getTime() + ms) : new Date(isDay ? `${raw}T23:59:59Z` : Number.NaN);
  if (Number.isNaN(until.getTime())) return wrong('Type it like 12h, 7d or 2026-12-24.');
  const why = findWrongEnd(until, now);
  if (why === 'until_too_far') return wrong('At most 31 days.');
  return why === 'until_past' ? wrong('That has passed.') : taken(until.toISOString());
}

async function readPayment(deps: FormTools['deps'], raw: string) {
  if (raw === NONE) return taken(NONE);
  const found = await findPayment(deps, raw);
  if (found.found === 'one') return taken(formatPaymentAnswer(found.view));
  const [, provider, transactionId] = /^([a-z][a-z0-9_-]{0,63})\s+(\S.*)$/s.exec(raw) ?? [];
  if (transactionId && isTooLong(transactionId)) return wrong(TOO_LONG);
  if (provider && transactionId) return taken(formatPaymentAnswer({ provider, transactionId }));
  return wrong(
    'I know no such payment. Of one that never arrived, send the provider and the id, such as “acme tx456”.',
  );
}

/** What was pressed or typed, unless it is somebody else’s payment. */
async function notOfAnother(deps: FormTools['deps'], read: Read, customer: string): Promise<Read> {
  if (read.outcome !== 'taken' || read.value === NONE) return read;
  const isOfAnother = await isPaymentOfAnother(deps.db, parsePaymentAnswer(read.value), customer);
  return isOfAnother
    ? wrong(`The provider says that somebody else has made this payment, and not ${exactWords(customer)}.`)
    : read;
}

async function findTicketOf({ deps }: FormTools, payment: string): Promise<string | null> {
  const found = await findPayment(deps, payment);
  return found.found === 'one' ? (found.view.ticket?.id ?? null) : null;
}

function beforeAndAfter(answers: Answers): string {
  const { feature, until, payment, ticket, reason, evidence } = answers;
  const customer = exactWords(answers.customer!);
  return [
    `Now: ${customer} does not have ${feature}.`,
    `Then: ${customer} has ${feature} until ${utcTime(new Date(until!))}.`,
    ...(payment === NONE ? [] : [`Payment: ${payment}; its webhooks that were given up are settled by this.`]),
    ...(ticket === NONE ? [] : [`Ticket: ${ticket}`]),
    `Reason: ${oneLine(reason!, REASON_LENGTH_MAX)}`,
    ...(evidence === NONE ? [] : [`Evidence: ${oneLine(evidence!, REASON_LENGTH_MAX)}`]),
    '',
    'It needs a code of yours, and somebody else who approves exactly this within 15 minutes. It then stands as a debt until the payment is confirmed.',
  ].join('\n');
}

function toParams(answers: Answers): OverrideParams {
  const { customer, feature, until, payment, ticket, reason, evidence } = answers;
  return {
    userId: customer!,
    feature: feature!,
    until: new Date(until!),
    payment: payment === NONE ? null : parsePaymentAnswer(payment!),
    ticketId: ticket === NONE ? null : parseTicketId(ticket!),
    reason: reason!,
    evidence: evidence === NONE ? null : evidence!,
  };
}
