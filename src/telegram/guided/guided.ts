import type { CallbackQuery, Message, Update } from '@grammyjs/types';
import type { Api } from 'grammy';
import { findFreeze } from '../../people/freeze-store.ts';
import { mayAct, type Person, type Risk } from '../../people/person.ts';
import { findPerson } from '../../people/person-store.ts';
import { type Admission, admit, type Flaw } from '../admission/admission.ts';
import type { BotDeps, Request } from '../bot-context.ts';
import { createLateAnswer, createPressAnswer, type PressAnswer } from '../buttons/press-answer.ts';
import { say } from '../commands/command.ts';
import { findTypedWords } from '../incoming/inbox-store.ts';
import { sendAnswer } from '../sending/bot-reply.ts';
import { drawForm } from './draw.ts';
import type { Answers, Form } from './form.ts';
import {
  findOpenForm,
  findTakenForm,
  type GuidedRow,
  getForm,
  type Lane,
  laneOfForm,
  listUndoneForms,
  listUndrawnForms,
  prolongForm,
} from './guided-store.ts';
import { END_TEXT, parseGuidedButton } from './screen.ts';
import { beginForm, closeForm, expireForms, findForm, IDLE_MS, type Move, takeTurn } from './take-turn.ts';

/** What forms are gone through with. */
export type GuidedTools = { deps: BotDeps; api: Api; forms: Form[] };

type Place = Pick<Message, 'chat' | 'message_thread_id' | 'is_topic_message'>;

/** What every step needs before it: what the form is for could be taken back. The last has its own. */
const STEP_RISK: Risk = 'R1';

export type FormStart = { form: string; given: Answers };

/** Begins a form for somebody who may; whether they may was asked by the command. */
export async function startForm(tools: GuidedTools, request: Request, place: Place, start: FormStart): Promise<void> {
  const lane = laneOf(request, place);
  const known = await findTakenForm(tools.deps.db, tools.deps.secretKeys, lane, request.updateId);
  const ids = known ? [known.id] : await beginForm(tools.deps, tools.forms, stepOf(request, lane), start);
  for (const id of ids) await finish(tools, id);
}

/** A message in private: the answer to the question of a form, or `/cancel`. False when there is none. */
export async function answerForm(
  tools: GuidedTools,
  request: Request,
  update: Update,
  message: Message,
  isCancel: boolean,
): Promise<boolean> {
  if (request.sender.kind !== 'human' || request.person === null) return false;
  const lane = laneOf(request, message);
  const taken = await findTakenForm(tools.deps.db, tools.deps.secretKeys, lane, request.updateId);
  if (taken) return finish(tools, taken.id);
  const row = await findOpenForm(tools.deps.db, tools.deps.secretKeys, lane);
  if (!row) return false;
  const admission = await admitMove(tools, request, row, { update, flaw: flawOf(message), risk: STEP_RISK });
  const move = isCancel ? CANCEL : await moveOf(tools, request, message);
  if (!admission.may && admission.because === 'forwarded') return tell(tools, lane, admission.text);
  const moved = await takeTurn(tools.deps, tools.forms, stepOf(request, lane), admission.may ? move : lost(admission));
  if (moved.outcome === 'stale') return tell(tools, lane, '⏳ One moment: what you confirmed is being done.');
  if (moved.outcome === 'none') return false;
  for (const id of moved.ids) await finish(tools, id);
  return true;
}

const CANCEL: Move = { kind: 'end', text: END_TEXT.cancelled };

async function moveOf({ deps }: GuidedTools, { updateId }: Request, { text }: Message): Promise<Move> {
  const withAddresses = await findTypedWords(deps.db, deps.secretKeys, updateId);
  return { kind: 'say', text: text ?? null, withAddresses };
}

/** A press on a button of a form. */
export async function pressForm(
  tools: GuidedTools,
  request: Request,
  update: Update,
  query: CallbackQuery,
): Promise<void> {
  const answer = answerOf(tools, request, query);
  try {
    await decidePress(tools, request, update, query, answer);
  } finally {
    await answer.end();
  }
}

const STALE_TEXT = '👌 That question is over. The newest message shows where you are.';

async function decidePress(
  tools: GuidedTools,
  request: Request,
  update: Update,
  query: CallbackQuery,
  answer: PressAnswer,
): Promise<void> {
  const button = parseGuidedButton(query.data);
  const { message } = query;
  const flaw = flawOfPress(request, message);
  const nothing = () => sayNothingDone(tools, request, { update, query, flaw }, answer);
  if (!button || flaw !== null || request.person === null) return nothing();
  const lane = laneOf(request, message as Message);
  const taken = await findTakenForm(tools.deps.db, tools.deps.secretKeys, lane, request.updateId);
  if (taken) return void (await finish(tools, taken.id));
  const row = await findOpenForm(tools.deps.db, tools.deps.secretKeys, lane);
  if (row?.id !== button.id || row.turn !== button.turn) return nothing();
  const risk = isGoingOn(button.word) ? riskOf(tools.forms, row) : STEP_RISK;
  const admission = await admitMove(tools, request, row, { update, flaw: null, risk });
  if (!admission.may && !ENDS.has(admission.because)) return askForCode(tools, row, admission, answer);
  const move: Move = admission.may ? { kind: 'press', ...button } : lost(admission);
  const moved = await takeTurn(tools.deps, tools.forms, stepOf(request, lane), move);
  if (moved.outcome !== 'moved') return answer.say(STALE_TEXT, true);
  await answer.say(admission.may ? '' : admission.text);
  for (const id of moved.ids) await finish(tools, id);
}

/** A form is a person’s own, in their own chat. */
function flawOfPress({ sender }: Request, message: CallbackQuery['message']): Flaw | null {
  if (message !== undefined && 'forward_origin' in message) return 'forwarded';
  return sender.kind === 'human' && message?.chat.id !== sender.id ? 'elsewhere' : null;
}

/** A button of no open question, or one that somebody made up: on record like every other press. */
async function sayNothingDone(
  { deps }: GuidedTools,
  request: Request,
  { update, query, flaw }: { update: Update; query: CallbackQuery; flaw: Flaw | null },
  answer: PressAnswer,
): Promise<void> {
  const rule = { act: 'read', risk: 'R0' } as const;
  const admission = await admit(deps, request, { rule, flaw, update, action: 'press:form', target: query.data ?? '-' });
  return answer.say(admission.may ? STALE_TEXT : admission.text, true);
}

/** As long as a code may take, from now. */
async function askForCode(
  { deps }: GuidedTools,
  row: GuidedRow,
  { text }: Refused,
  answer: PressAnswer,
): Promise<void> {
  await prolongForm(deps.db, row.id, new Date(deps.clock.now().getTime() + IDLE_MS));
  await answer.say(text, true);
}

function isGoingOn(word: string): boolean {
  return word !== 'back' && word !== 'cancel';
}

function riskOf(forms: Form[], row: GuidedRow): Risk {
  return findForm(forms, row)?.steps.find((step) => step.name === row.screen.step)?.risk ?? STEP_RISK;
}

/** Of these a form ends; of the others it waits, and what was pressed may be pressed again. */
const ENDS: ReadonlySet<string> = new Set(['stranger', 'removed', 'role', 'frozen', 'faceless']);

type Refused = Extract<Admission, { may: false }>;

function lost({ text }: Refused): Move {
  return { kind: 'end', text: `${text} Nothing was changed.` };
}

function admitMove(
  { deps, forms }: GuidedTools,
  request: Request,
  row: GuidedRow,
  { update, flaw, risk }: { update: Update; flaw: Flaw | null; risk: Risk },
): Promise<Admission> {
  const form = forms.find((one) => one.name === row.form);
  const rule = { act: form?.act ?? ('read' as const), risk };
  return admit(deps, request, { rule, flaw, update, action: `form:${row.form}`, target: row.screen.step ?? '-' });
}

function flawOf(message: Message): Flaw | null {
  return message.forward_origin !== undefined || 'forward_date' in message ? 'forwarded' : null;
}

function answerOf({ deps, api }: GuidedTools, { person, isProven }: Request, query: CallbackQuery): PressAnswer {
  return isProven && person
    ? createLateAnswer(api, deps.log, person.telegramId)
    : createPressAnswer(api, query.id, deps.log);
}

function laneOf({ sender }: Request, { chat, is_topic_message: isTopic, message_thread_id: threadId }: Place): Lane {
  if (sender.kind !== 'human') throw new Error('a form is a person’s');
  return { chatId: chat.id, threadId: isTopic ? (threadId ?? null) : null, personId: sender.id };
}

function stepOf({ updateId, person, isProven }: Request, lane: Lane) {
  return { lane, updateId, person: person!, isProven };
}

async function tell({ deps, api }: GuidedTools, { chatId }: Lane, text: string): Promise<true> {
  await sendAnswer(api, deps.log, { chatId }, say(text));
  return true;
}

/** What a turn has left to do: carry out what was confirmed, and show what is so. Done again it does nothing more. */
async function finish(tools: GuidedTools, id: number): Promise<true> {
  const row = await getForm(tools.deps.db, tools.deps.secretKeys, id);
  if (row.phase === 'acting') await carryOut(tools, row);
  await drawForm(tools.deps, tools.api, id);
  return true;
}

/** Under an idempotency key of the form's own: whoever comes second does it a second time, and nothing comes of that. */
async function carryOut({ deps, forms }: GuidedTools, row: GuidedRow): Promise<void> {
  const form = findForm(forms, row) ?? forms.find((one) => one.name === row.form);
  const person = await findPerson(deps.db, row.personId);
  const lane = await laneOfForm(deps.db, row.id);
  const isAllowed = form !== undefined && form !== null && mayAct(person, form.act);
  const text = isAllowed ? await doUnlessFrozen(deps, row, form, person!) : END_TEXT.lost;
  await closeForm(deps, row, lane, forms, text);
}

/** A freeze that came between the button and now holds: what a dead replica had left undone is left so. */
async function doUnlessFrozen(deps: BotDeps, row: GuidedRow, form: Form, person: Person): Promise<string> {
  if (await findFreeze(deps.db)) return END_TEXT.frozen;
  if (row.action === null) return END_TEXT.failed;
  const { answers, isProven } = row.action;
  return form.carryOut(deps, { commandId: `guided:${row.id}`, answers, person, isProven });
}

/** So long a replica is given to finish what it began. */
const ABANDONED_MS = 30_000;
/** What could not be done in so long will not be done by itself. */
const GIVEN_UP_MS = 10 * 60_000;

export type GuidedCounts = { expired: number; done: number; drawn: number };

/** What nobody's update brings about: forms expire, and what a dead replica left undone or undrawn is done. */
export async function runGuidedOnce(tools: GuidedTools, options: { now?: Date } = {}): Promise<GuidedCounts> {
  const { deps } = tools;
  const now = options.now ?? deps.clock.now();
  const before = new Date(now.getTime() - ABANDONED_MS);
  const expired = await expireForms(deps, tools.forms, now);
  const undone = await listUndoneForms(deps.db, before);
  const undrawn = await listUndrawnForms(deps.db, before);
  for (const id of new Set([...expired, ...undone, ...undrawn])) await finishAlone(tools, id, now);
  return { expired: expired.length, done: undone.length, drawn: undrawn.length };
}

/** One form that fails holds up no other, and its person not for ever. */
async function finishAlone(tools: GuidedTools, id: number, now: Date): Promise<void> {
  try {
    await finish(tools, id);
  } catch (error) {
    tools.deps.log.warn({ err: error, form: id }, 'a form could not be finished');
    await giveUp(tools, id, new Date(now.getTime() - GIVEN_UP_MS));
  }
}

async function giveUp({ deps, forms }: GuidedTools, id: number, before: Date): Promise<void> {
  if (!(await listUndoneForms(deps.db, before)).includes(id)) return;
  await closeForm(
    deps,
    await getForm(deps.db, deps.secretKeys, id),
    await laneOfForm(deps.db, id),
    forms,
    END_TEXT.failed,
  );
}
