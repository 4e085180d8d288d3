import type { InlineKeyboardMarkup, Update } from '@grammyjs/types';
import { appendAudit } from '../../audit/audit-store.ts';
import { freshUntil, isFresh, isLocked } from '../../people/code-decision.ts';
import { type Factor, findFactor } from '../../people/factor-store.ts';
import { type Freeze, findFreeze } from '../../people/freeze-store.ts';
import { type Act, mayAct, type Risk, type Rule } from '../../people/person.ts';
import type { BotDeps, Request } from '../bot-context.ts';
import { type Because, type Refusal, wordsOf } from '../words/admission-text.ts';
import { auditName } from './identify.ts';
import { keepPendingAct, PENDING_MS } from './pending-act-store.ts';

/** What is wrong with the message or the button itself, whoever it comes from. */
export type Flaw = Extract<Because, 'forwarded' | 'elsewhere' | 'not our message' | 'unreadable'>;

/** Somebody asks for something: by a command, by a button, or by words that answer a question of ours. */
export type Attempt = {
  rule: Rule;
  flaw: Flaw | null;
  /** As it stands on record: `press:ack`, `/retry`; and what it is done to. */
  action: string;
  target: string;
  /** What brought it. */
  update: Update;
};

export type Admission =
  | { may: true }
  /** `code`: it is kept, and done as soon as the person has typed their code. */
  | { may: false; because: Because; text: string; keyboard?: InlineKeyboardMarkup };

type AdmissionDeps = Pick<BotDeps, 'db' | 'clock'>;

/**
 * Who may, for every command and every button alike. The answer is on record before anything comes of it; what is open to everybody shows nothing
 * about anybody and leaves no record.
 */
export async function admit(deps: AdmissionDeps, request: Request, attempt: Attempt): Promise<Admission> {
  if (attempt.rule.act === null) return { may: true };
  const now = deps.clock.now();
  const facts = await readFacts(deps, request, attempt.rule.risk);
  const refusal = findRefusal(request, attempt, facts, now);
  await putOnRecord(deps, request, attempt, {
    refusal,
    factor: refusal ? null : factorOf(request, attempt, facts, now),
  });
  if (refusal === null) return { may: true };
  if (refusal.because === 'code') await waitForCode(deps, request, attempt, now);
  return { may: false, because: refusal.because, ...wordsOf(refusal, request, now) };
}

type Facts = { freeze: Freeze | null; factor: Factor | null };

/** What only reads is asked for often, and stands under neither. */
async function readFacts({ db }: AdmissionDeps, { person }: Request, risk: Risk): Promise<Facts> {
  if (risk === 'R0' || person === null) return { freeze: null, factor: null };
  const needsFactor = risk === 'R2' || risk === 'R3';
  return { freeze: await findFreeze(db), factor: needsFactor ? await findFactor(db, person.telegramId) : null };
}

/** The first that applies is told, and nothing is told about what comes after it. */
function findRefusal(request: Request, { rule, flaw }: Attempt, facts: Facts, now: Date): Refusal | null {
  const { sender, person } = request;
  const act = rule.act!;
  if (sender.kind === 'faceless') return { because: 'faceless' };
  if (flaw !== null) return { because: flaw };
  if (person === null) return { because: 'stranger' };
  if (!person.active) return { because: 'removed' };
  if (!mayAct(person, act)) return { because: 'role' };
  if (facts.freeze && !WORKS_WHILE_FROZEN.has(act)) return { because: 'frozen', freeze: facts.freeze };
  return findFactorNeed(request, rule, facts.factor, now);
}

/** Else nobody could end a freeze, or get what ending it takes. */
const WORKS_WHILE_FROZEN: ReadonlySet<Act> = new Set<Act>(['read', 'freeze', 'enroll']);

function findFactorNeed(request: Request, { act, risk }: Rule, factor: Factor | null, now: Date): Refusal | null {
  if (risk === 'R0' || risk === 'R1' || request.isProven) return null;
  if (factor !== null && isLocked(factor, now)) return { because: 'locked', until: factor.lockedUntil! };
  if (factor?.secret == null) return act === 'enroll' ? null : { because: 'not enrolled' };
  if (risk === 'R2' && isFresh(factor.verifiedAt, now)) return null;
  return { because: 'code', until: pendingUntil(now) };
}

function pendingUntil(now: Date): Date {
  return new Date(now.getTime() + PENDING_MS);
}

async function waitForCode({ db }: AdmissionDeps, request: Request, attempt: Attempt, now: Date): Promise<void> {
  const { action, target, update } = attempt;
  const personId = request.person!.telegramId;
  await keepPendingAct(db, { personId, what: `${action} ${target}`, update, now });
}

/** How it was proven who acts: by a code for this one act, or by one of the last minutes. */
function factorOf({ isProven }: Request, { rule }: Attempt, { factor }: Facts, now: Date): string | null {
  if (rule.risk !== 'R2' && rule.risk !== 'R3') return null;
  if (isProven) return 'code';
  return isFresh(factor?.verifiedAt ?? null, now)
    ? `code, good until ${freshUntil(factor!.verifiedAt!).toISOString()}`
    : null;
}

async function putOnRecord(
  { db }: AdmissionDeps,
  { sender, scope, updateId }: Request,
  { action, target, flaw }: Attempt,
  { refusal, factor }: { refusal: Refusal | null; factor: string | null },
): Promise<void> {
  const detail = { updateId, ...(refusal ? { because: refusal.because } : {}) };
  const place = flaw === 'elsewhere' ? flaw : scope;
  const entry = { actor: auditName(sender), action, target, allowed: refusal === null, place, factor, detail };
  await db.transaction().execute((trx) => appendAudit(trx, entry));
}
