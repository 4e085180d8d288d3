import { FormattedString, fmt } from '@grammyjs/parse-mode';
import type { EventDetail } from '../../api/event-view.ts';
import { explainRefusal } from '../../intake/diagnosis.ts';
import type { RefusalEvidence } from '../../intake/refusal-store.ts';
import type { RefusalCause } from '../../intake/signature/verdict.ts';
import type { Scope } from '../bot-context.ts';
import { clockTime } from './line-words.ts';

/** What is known of webhooks that could not be trusted: the cause in words, then the latest of them, for whoever mends the other end. */
export function refusalText(refusals: RefusalEvidence[], scope: Scope, now: Date): FormattedString {
  const [latest] = refusals;
  if (!latest) return fmt`None of them was kept: more came than one minute’s share.`;
  const lines = refusals.map((refusal) => fmt`• ${refusalLine(refusal, scope, now)}`);
  return FormattedString.join([fmt`${explainRefusal(latest.cause as RefusalCause)}`, fmt``, ...lines], '\n');
}

function refusalLine(refusal: RefusalEvidence, scope: Scope, now: Date): string {
  const known = [
    `${clockTime(refusal.receivedAt, now)} UTC`,
    refusal.country ? `from ${refusal.country}` : 'from an unknown country',
    `${refusal.bodyBytes.toLocaleString('en-US')} bytes, sha256 ${refusal.bodyHash.toString('hex').slice(0, 12)}…`,
    refusal.ageSeconds === null ? null : `signed ${Math.round(refusal.ageSeconds)} s before it came`,
    refusal.detail,
  ];
  const close = [
    `our secrets: ${refusal.secretFingerprints.join(', ')}`,
    `headers: ${refusal.headerNames.join(', ').slice(0, 300)}`,
  ];
  return [...known, ...(scope === 'private' ? close : [])].filter((part) => part !== null).join(' · ');
}

/** A webhook whose signature is right and whose content nobody can read. */
export function unreadableText(event: EventDetail, scope: Scope, now: Date): FormattedString {
  const from = event.country ? ` from ${event.country}` : '';
  const why = event.attempts.at(-1)?.error ?? 'nothing more is known';
  const lines = [
    fmt`📄 ${FormattedString.code(event.id)} · received ${clockTime(event.receivedAt, now)} UTC${from}`,
    ...(scope === 'private' ? [fmt`It could not be read: ${why}`] : [fmt`It could not be read.`]),
    fmt`Its bytes are kept. When the provider’s settings are right, Retry reads them again.`,
  ];
  return FormattedString.join(lines, '\n');
}
