import type { Transaction } from 'kysely';
import type { Person } from '../../people/person.ts';
import type { Schema } from '../../platform/schema.ts';
import type { BotDeps } from '../bot-context.ts';
import type { Answers, Form } from './form.ts';
import {
  findOpenForm,
  type GuidedRow,
  insertForm,
  type Lane,
  listOverdueForms,
  lockLane,
  saveTurn,
} from './guided-store.ts';
import { END_TEXT, endScreen, RENEWED_TEXT } from './screen.ts';
import { beginTalk, resumeTalk, type Said } from './talk.ts';
import { createTurn, type TurnEnd } from './turn.ts';

type Trx = Transaction<Schema>;

/** Nobody holds a form open for longer than this without saying anything. */
export const IDLE_MS = 5 * 60_000;

/** Somebody's update, on its way into a form. */
export type Step = { lane: Lane; updateId: number; person: Person; isProven: boolean };

export type Move =
  /** What was typed, masked; and with its addresses, where nothing else was masked in it. */
  | { kind: 'say'; text: string | null; withAddresses: string | null }
  | { kind: 'press'; id: number; turn: number; word: string }
  /** By `/cancel`, or because they may no longer do what it is for. */
  | { kind: 'end'; text: string };

export type Moved =
  /** These are to be drawn, and the last of them perhaps carried out. */
  | { outcome: 'moved'; ids: number[] }
  /** The question has been answered, or the form is over. */
  | { outcome: 'stale' }
  | { outcome: 'none' };

/**
 * One answer moves a form on: the log of the conversation, and what is to be shown or done by it, are one transaction under the lock of the
 * lane, so two replicas never both take it, and a process that dies in between has changed nothing.
 */
export function takeTurn(deps: BotDeps, forms: Form[], step: Step, move: Move): Promise<Moved> {
  return deps.db.transaction().execute(async (trx) => {
    await lockLane(trx, step.lane);
    const row = await findOpenForm(trx, deps.secretKeys, step.lane);
    if (!row) return move.kind === 'press' ? { outcome: 'stale' } : { outcome: 'none' };
    if (row.phase === 'acting') return { outcome: 'stale' };
    if (move.kind === 'press' && (move.id !== row.id || move.turn !== row.turn)) return { outcome: 'stale' };
    return { outcome: 'moved', ids: await moveOn({ trx, deps, forms, step }, row, move) };
  });
}

type Scene = { trx: Trx; deps: BotDeps; forms: Form[]; step: Step };

async function moveOn(scene: Scene, row: GuidedRow, move: Move): Promise<number[]> {
  const form = findForm(scene.forms, row);
  if (row.deadline! <= scene.deps.clock.now()) return [await endForm(scene, row, END_TEXT.expired)];
  if (move.kind === 'end') return [await endForm(scene, row, move.text)];
  if (move.kind === 'press' && move.word === 'cancel') return [await endForm(scene, row, END_TEXT.cancelled)];
  if (!form) return renew(scene, row);
  const turn = createTurn(form, row, row.state, toolsOf(scene));
  await resumeTalk(scene.forms, turn, toSaid(move, hearsAddresses(form, row)));
  await save(scene, row.id, { state: turn.state, end: turn.end(), isBelow: move.kind === 'say' });
  return [row.id];
}

function toSaid(move: Exclude<Move, { kind: 'end' }>, hears: boolean): Said {
  if (move.kind === 'press') return { kind: 'press', word: move.word };
  return { kind: 'text', text: (hears ? move.withAddresses : null) ?? move.text };
}

function hearsAddresses({ steps }: Form, { screen }: GuidedRow): boolean {
  return steps.find(({ name }) => name === screen.step)?.hearsAddresses === true;
}

function toolsOf({ trx, deps, step }: Scene) {
  return { deps: { ...deps, db: trx }, person: step.person, now: deps.clock.now() };
}

/** Its code is gone: the form begins again as it is now, and takes over what was answered as far as that still fits. */
async function renew(scene: Scene, row: GuidedRow): Promise<number[]> {
  const form = scene.forms.find((one) => one.name === row.form);
  const ended = await endForm(scene, row, form ? RENEWED_TEXT : END_TEXT.expired);
  return form ? [ended, await insertAndBegin(scene, form, row.answers)] : [ended];
}

/** Begins a form; the one that is open ends. */
export function beginForm(
  deps: BotDeps,
  forms: Form[],
  step: Step,
  begun: { form: string; given: Answers },
): Promise<number[]> {
  const form = forms.find((one) => one.name === begun.form);
  if (!form) throw new Error(`there is no form ${begun.form}`);
  return deps.db.transaction().execute(async (trx) => {
    await lockLane(trx, step.lane);
    const scene = { trx, deps, forms, step };
    const row = await findOpenForm(trx, deps.secretKeys, step.lane);
    const replaced = row?.phase === 'asking' ? [await endForm(scene, row, END_TEXT.replaced)] : [];
    if (row?.phase === 'acting') return [row.id];
    return [...replaced, await insertAndBegin(scene, form, begun.given)];
  });
}

async function insertAndBegin(scene: Scene, form: Form, given: Answers): Promise<number> {
  const now = scene.deps.clock.now();
  const { name, version } = form;
  const row = await insertForm(scene.trx, scene.step.lane, { form: name, version, deadline: deadlineOf(now), now });
  const turn = createTurn(form, row, undefined, toolsOf(scene));
  await beginTalk(scene.forms, turn, form, given);
  await save(scene, row.id, { state: turn.state, end: turn.end(), isBelow: false });
  return row.id;
}

async function endForm(scene: Scene, row: GuidedRow, text: string): Promise<number> {
  const end: TurnEnd = { phase: 'ended', screen: endScreen(titleOf(scene.forms, row), text) };
  await save(scene, row.id, { state: null, end, isBelow: false });
  return row.id;
}

function titleOf(forms: Form[], row: Pick<GuidedRow, 'form' | 'screen'>): string {
  return row.screen.title ?? forms.find((one) => one.name === row.form)?.title ?? row.form;
}

async function save(
  { trx, deps, step }: Scene,
  id: number,
  saved: { state: unknown; end: TurnEnd; isBelow: boolean },
): Promise<void> {
  const now = deps.clock.now();
  const { updateId, isProven } = step;
  await saveTurn(trx, deps.secretKeys, { ...saved, id, updateId, isProven, deadline: deadlineOf(now), now });
}

function deadlineOf(now: Date): Date {
  return new Date(now.getTime() + IDLE_MS);
}

/** As it was begun, or null when its version is not registered any more. */
export function findForm(forms: Form[], { form, version }: Pick<GuidedRow, 'form' | 'version'>): Form | null {
  return forms.find((one) => one.name === form && one.version === version) ?? null;
}

/** Ends the forms whose person has said nothing for too long; answers which. */
export async function expireForms(deps: BotDeps, forms: Form[], now: Date): Promise<number[]> {
  const ended: number[] = [];
  for (const overdue of await listOverdueForms(deps.db, now)) {
    if (await expireForm(deps, forms, overdue, now)) ended.push(overdue.id);
  }
  return ended;
}

function expireForm(deps: BotDeps, forms: Form[], { id, ...lane }: Lane & { id: number }, now: Date): Promise<boolean> {
  return deps.db.transaction().execute(async (trx) => {
    await lockLane(trx, lane);
    const row = await findOpenForm(trx, deps.secretKeys, lane);
    if (row?.id !== id || row.phase !== 'asking' || row.deadline! > now) return false;
    await saveEnd(trx, deps, row, endScreen(titleOf(forms, row), END_TEXT.expired), now);
    return true;
  });
}

/** What was confirmed has been done. */
export function closeForm(deps: BotDeps, row: GuidedRow, lane: Lane, forms: Form[], text: string): Promise<void> {
  return deps.db.transaction().execute(async (trx) => {
    await lockLane(trx, lane);
    const open = await findOpenForm(trx, deps.secretKeys, lane);
    if (open?.id !== row.id || open.phase !== 'acting') return;
    await saveEnd(trx, deps, row, endScreen(titleOf(forms, row), text), deps.clock.now());
  });
}

async function saveEnd(
  trx: Trx,
  { secretKeys }: BotDeps,
  row: GuidedRow,
  screen: ReturnType<typeof endScreen>,
  now: Date,
): Promise<void> {
  const end: TurnEnd = { phase: 'ended', screen };
  await saveTurn(trx, secretKeys, {
    id: row.id,
    updateId: null,
    state: null,
    end,
    isProven: false,
    deadline: now,
    now,
    isBelow: false,
  });
}
