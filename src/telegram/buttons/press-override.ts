import {
  approveOverride,
  breakGlass,
  type DecisionResult,
  refuseOverride,
  reviewOverride,
} from '../../override/approve.ts';
import { settleDebt } from '../../override/execute.ts';
import type { Override } from '../../override/override-store.ts';
import { overrideName, utcTime } from '../../override/override-words.ts';
import { actorOf } from '../../people/person.ts';
import type { BotDeps, Request } from '../bot-context.ts';
import { decisionRefusalWords, overrideDepsOf } from '../words/override-text.ts';
import type { OverrideAction, OverrideButton } from './override-button-data.ts';
import type { PressAnswer } from './press-answer.ts';

/** Somebody who may presses a button of an override. The message is drawn anew from the row, whoever pressed. */
export async function pressOverride(
  deps: BotDeps,
  request: Request,
  button: OverrideButton,
  answer: PressAnswer,
): Promise<void> {
  const { text, isImportant } = await decide(deps, request, button);
  await answer.say(text, isImportant);
}

type Told = { text: string; isImportant: boolean };

async function decide(deps: BotDeps, request: Request, { overrideId, action, hash }: OverrideButton): Promise<Told> {
  const overrides = overrideDepsOf(deps);
  const actor = actorOf(request.person!);
  const now = deps.clock.now();
  const decision = { overrideId, actor, seenHash: hash, isProven: request.isProven, now };
  switch (action) {
    case 'approve':
      return tell(action, await approveOverride(overrides, decision), actor.personId);
    case 'refuse':
      return tell(action, await refuseOverride(overrides, decision), actor.personId);
    case 'glass':
      return tell(action, await breakGlass(overrides, decision), actor.personId);
    case 'review':
      return tell(action, await reviewOverride(overrides, decision), actor.personId);
    case 'reconcile':
    case 'revert': {
      const as = action === 'revert' ? 'reverted' : 'reconciled';
      const reason = action === 'revert' ? 'taken back by hand' : 'seen at the provider';
      const isSettled = await settleDebt(overrides, { overrideId, as, actor, reason, now });
      return {
        text: isSettled ? settledWords(overrideId, action) : decisionRefusalWords('decided'),
        isImportant: !isSettled,
      };
    }
  }
}

type Result = DecisionResult<Parameters<typeof decisionRefusalWords>[0]>;

function tell(action: OverrideAction, result: Result, personId: number): Told {
  if (result.outcome === 'refused' && !isTheirOwn(action, result, personId))
    return { text: decisionRefusalWords(result.why), isImportant: true };
  return { text: doneWords(action, result.override!), isImportant: false };
}

/** A press whose answer did not get through is handled again, and finds what it decided itself. */
function isTheirOwn(
  action: OverrideAction,
  { why, override }: Extract<Result, { outcome: 'refused' }>,
  personId: number,
) {
  if (why !== 'decided' || override?.decidedBy !== personId) return false;
  return (action === 'refuse') === (override.state === 'refused');
}

function doneWords(action: OverrideAction, override: Override): string {
  const name = overrideName(override.id);
  if (action === 'refuse') return `❌ ${name} is refused.`;
  if (action === 'review') return `👀 ${name} is reviewed.`;
  if (override.state !== 'executed') return `✅ ${name} is approved.`;
  return `✅ ${name} is carried out: ${override.feature} until ${utcTime(override.until)}.`;
}

function settledWords(overrideId: number, action: 'reconcile' | 'revert'): string {
  const name = overrideName(overrideId);
  return action === 'revert'
    ? `↩️ ${name} is taken back: the access has ended.`
    : `🧾 ${name} is settled: the payment is confirmed.`;
}
