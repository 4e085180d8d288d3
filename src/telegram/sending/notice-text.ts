import type { MessageEntity } from '@grammyjs/types';
import type { RedriveReport } from '../../delivery/redrive.ts';
import type { StagedRedrive } from '../../delivery/staged-redrive.ts';
import type { Picture } from '../cards/card-text.ts';
import { oneLine } from '../words/line-words.ts';

/** What the text tells of a redrive. */
export type RedriveOutcome = Omit<RedriveReport, 'redriveId' | 'ticketId' | 'requestedAt'>;

const TEXT_LENGTH_MAX = 4_096;

/** A text that was put down as it is to be read; cut where Telegram would refuse it. */
export function renderText(body: Record<string, unknown>): Picture {
  const text = typeof body.text === 'string' ? body.text.toWellFormed() : '';
  const characters = Array.from(text);
  const isTooLong = characters.length > TEXT_LENGTH_MAX;
  return {
    text: isTooLong ? `${characters.slice(0, TEXT_LENGTH_MAX - 1).join('')}…` : text,
    entities: Array.isArray(body.entities) && !isTooLong ? (body.entities as MessageEntity[]) : [],
    keyboard: { inline_keyboard: [] },
  };
}

/** `🔁 Retry of 38 on T-1042 by Ann: 6 applied, 32 running`; one that stopped says what it left alone. */
export function renderStaged(staged: StagedRedrive): Picture {
  const { ticketId, requestedBy, events, begun, applied, failed, state } = staged;
  const running = begun - applied - failed;
  const left = events.length - begun;
  const parts = [
    `${applied.toLocaleString('en-US')} applied`,
    count(failed, 'failed'),
    state === 'running' ? count(running, 'running') : null,
    count(left, state === 'stopped' ? 'not tried' : 'to come'),
  ].filter((part) => part !== null);
  const end = {
    running: '',
    done: failed === 0 ? ' ✓' : '',
    stopped: '\n✋ Stopped: too many of a stage failed. What was not tried is as it was.',
  };
  const text = `🔁 Retry of ${events.length.toLocaleString('en-US')} on T-${ticketId} by ${oneLine(requestedBy, 64)}: ${parts.join(', ')}${end[state]}`;
  return { text, entities: [], keyboard: { inline_keyboard: [] } };
}

/** `🔁 Retry by Ann: tx456 applied ✓`; of several: `🔁 Retry of 38 by Ann: 30 applied, 2 failed, 6 running`. */
export function renderRedrive(body: Record<string, unknown>, outcome: RedriveOutcome): Picture {
  const by = oneLine(textOf(body.by) ?? outcome.requestedBy, 64);
  const text =
    outcome.events === 1
      ? `🔁 Retry by ${by}: ${withSubject(body, wordsOfOne(outcome))}`
      : `🔁 Retry of ${outcome.events.toLocaleString('en-US')} by ${by}: ${wordsOfMany(outcome)}`;
  return { text, entities: [], keyboard: { inline_keyboard: [] } };
}

function withSubject(body: Record<string, unknown>, words: string): string {
  const what = textOf(body.what);
  return what === null ? words : `${oneLine(`${what} `, 64)} ${words}`;
}

function wordsOfOne(outcome: RedriveOutcome): string {
  const status = oneLine(outcome.lastStatus ?? 'no reason known', 80);
  if (outcome.applied > 0) return 'applied ✓';
  if (outcome.ignored > 0) return 'had nothing to do ✓';
  if (outcome.dead > 0) return `failed again: ${status}, given up`;
  if (outcome.retrying > 0) return `failed again: ${status}${nextTry(outcome)}`;
  return 'running';
}

function wordsOfMany(outcome: RedriveOutcome): string {
  const done = outcome.applied + outcome.ignored;
  const parts = [
    `${done.toLocaleString('en-US')} applied`,
    count(outcome.dead, 'failed'),
    count(outcome.retrying, 'failing'),
    count(outcome.waiting, 'running'),
  ];
  const failing = outcome.dead + outcome.retrying > 0 && outcome.lastStatus !== null;
  const last = failing ? ` (last: ${oneLine(outcome.lastStatus ?? '', 80)}${nextTry(outcome)})` : '';
  return `${parts.filter((part) => part !== null).join(', ')}${outcome.finished && !failing ? ' ✓' : ''}${last}`;
}

function count(number: number, word: string): string | null {
  return number === 0 ? null : `${number.toLocaleString('en-US')} ${word}`;
}

function nextTry({ nextTryAt }: RedriveOutcome): string {
  return nextTryAt === null ? '' : `, next try ${nextTryAt.toISOString().slice(11, 19)}`;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
