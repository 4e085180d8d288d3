import type { BreakerView } from '../../breaker/breaker-query.ts';
import { countWaiting } from '../../ledger/waiting-query.ts';
import { actorOf } from '../../people/person.ts';
import { findByName } from '../breaker-order.ts';
import { parseDuration } from '../commands/breaker-parse.ts';
import { answerWords, findOrder, ORDERS, type Order, stateWords } from '../words/breaker-words.ts';
import { oneLine } from '../words/line-words.ts';
import {
  type Answers,
  ask,
  confirmStep,
  type Form,
  type FormTools,
  type Option,
  skip,
  stop,
  taken,
  wrong,
} from './form.ts';

const REASON_LENGTH_MAX = 300;
const NO_END = '-';

const ORDER_WORDS: Record<Order, string> = {
  trip: '⛔ Trip: call nothing',
  release: '🩺 Release: let probes decide',
  reset: '♻️ Reset: closed, as if new',
  hold: '✊ Hold closed: call whatever happens',
};

/** An order to a breaker: which, what, why, until when, and how much it touches. */
export const breakerForm: Form = {
  name: 'breaker',
  version: 1,
  title: '🔌 Breaker',
  act: 'breaker',
  steps: [
    {
      name: 'breaker',
      ask: async ({ deps }) => {
        const breakers = await deps.breakers.list();
        if (breakers.length === 0) return stop('🔎 There is no breaker: nothing was ever called.');
        return ask('Which breaker?', breakers.map(toOption));
      },
      read: async ({ deps }, raw) => {
        const found = findByName(await deps.breakers.list(), raw);
        return found ? taken(found.name) : wrong(`There is no breaker ${oneLine(raw, 64)}.`);
      },
    },
    {
      // What was seen of it: an order given on that is stale when it has changed meanwhile.
      name: 'epoch',
      ask: async (tools, answers) => {
        const found = await findBreaker(tools, answers);
        return found ? skip(String(found.epoch)) : stop('🔎 This breaker is gone. Nothing was changed.');
      },
      read: async (_tools, raw) => taken(raw),
    },
    {
      name: 'order',
      ask: async (tools, answers) => {
        const found = await findBreaker(tools, answers);
        return ask(
          `${oneLine(answers.breaker!, 64)} is ${found ? stateWords(found.state) : 'gone'}. What shall it do?`,
          ORDER_OPTIONS,
        );
      },
      read: async (_tools, raw) => {
        const order = findOrder(raw.toLowerCase());
        return order ? taken(order) : wrong('It can be told to trip, release, reset or hold.');
      },
    },
    {
      name: 'reason',
      ask: async () => ask('For what reason? Everybody will see it.'),
      read: async (_tools, raw) =>
        raw.length > REASON_LENGTH_MAX ? wrong(`At most ${REASON_LENGTH_MAX} characters, please.`) : taken(raw),
    },
    {
      name: 'until',
      ask: async (_tools, { order }) => {
        if (order === 'hold')
          return ask('For how long? An hour at most, such as 10m.', durations(['10m', '30m', '1h']));
        if (order !== 'trip') return skip(NO_END);
        const options = [{ label: 'Until somebody ends it (a reminder every 30 min)', value: NO_END }];
        return ask('For how long? 30 days at most, such as 30m or 2h.', [...options, ...durations(['30m', '2h'])]);
      },
      read: async (_tools, raw, { order }) => readEnd(raw, order as Order),
    },
    confirmStep({ label: '🔌 Do it', risk: 'R2' }, async (tools, answers) => {
      const found = await findBreaker(tools, answers);
      if (!found) return stop('🔎 This breaker is gone. Nothing was changed.');
      if (String(found.epoch) !== answers.epoch)
        return stop(
          `It has changed meanwhile and is ${stateWords(found.state)} now. Nothing was changed; begin again.`,
        );
      return describe(tools, found, answers);
    }),
  ],
  carryOut: async (deps, { commandId, answers, person }) => {
    const { name: actor } = actorOf(person);
    const answer = await deps.breakers.command({
      verb: ORDERS[answers.order as Order],
      dependency: answers.breaker!,
      reason: answers.reason!,
      ttlMs: answers.until === NO_END ? null : parseDuration(answers.until!),
      seenEpoch: Number(answers.epoch),
      actor,
      commandId,
    });
    if (answer.outcome !== 'refused') deps.wake('card');
    return answerWords(answers.breaker!, actor, answer, deps.clock.now());
  },
};

function toOption({ name, state }: BreakerView): Option {
  return { label: `${oneLine(name, 40)}: ${stateWords(state)}`, value: name };
}

const ORDER_OPTIONS: Option[] = (Object.keys(ORDERS) as Order[]).map((value) => ({ label: ORDER_WORDS[value], value }));

function durations(values: string[]): Option[] {
  return values.map((value) => ({ label: value, value }));
}

async function findBreaker({ deps }: FormTools, { breaker = '' }: Answers): Promise<BreakerView | null> {
  return findByName(await deps.breakers.list(), breaker);
}

const HOUR_MS = 3_600_000;
const TRIP_MS_MAX = 30 * 24 * HOUR_MS;

function readEnd(raw: string, order: Order) {
  if (raw === NO_END && order === 'trip') return taken(NO_END);
  const ttlMs = parseDuration(raw);
  const mostMs = order === 'hold' ? HOUR_MS : TRIP_MS_MAX;
  if (ttlMs === null || ttlMs <= 0) return wrong('Type it like 30m, 2h or 1d.');
  return ttlMs > mostMs
    ? wrong(order === 'hold' ? 'A hold lasts an hour at most.' : 'A trip lasts 30 days at most.')
    : taken(raw);
}

async function describe({ deps }: FormTools, found: BreakerView, answers: Answers): Promise<string> {
  const waiting = await countWaiting(deps.db, found.name, deps.tellsProduct);
  const calls = found.ok + found.failed;
  const end = answers.until === NO_END ? '' : `, for ${answers.until}`;
  return [
    `${answers.order} ${oneLine(found.name, 64)}${end}: ${oneLine(answers.reason!, 300)}`,
    `It is ${stateWords(found.state)} now. It touches ${calls.toLocaleString('en-US')} calls of the last seconds (${found.failed} failed) and ${waiting.toLocaleString('en-US')} payments that wait.`,
  ].join('\n');
}
