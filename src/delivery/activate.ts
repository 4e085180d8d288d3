import { createHmac } from 'node:crypto';
import type { Entitlement } from '../entitlement/entitlement-store.ts';
import { isActive } from '../entitlement/fold.ts';
import { scrubText } from '../platform/scrub.ts';
import { parseRetryAfter } from './retry-schedule.ts';
import type { CallResult } from './verdict.ts';

export type ActivationTarget = {
  url: string;
  /** `whsec_` + base64, as Standard Webhooks has it. */
  secret: string;
  timeoutMs: number;
};

/** More than a product can have to say to a state it was told. */
const ANSWER_LIMIT_BYTES = 64 * 1024;
const EXCERPT_CHARACTERS = 200;

/**
 * Tells the product what a user has now: the state, never a command. The idempotency key carries the revision, so a grant that
 * is sent again can never land after the revocation that followed it. Signed as Standard Webhooks says.
 */
export async function activate(target: ActivationTarget, entitlement: Entitlement, now: Date): Promise<CallResult> {
  const id = `${entitlement.userId}:${entitlement.feature}:${entitlement.revision}`;
  const body = JSON.stringify(describe(entitlement, now));
  try {
    const response = await fetch(target.url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': encodeURI(id),
        ...sign(target.secret, encodeURI(id), body, now),
      },
      body,
      signal: AbortSignal.timeout(target.timeoutMs),
    });
    return await readAnswer(response, now);
  } catch (error) {
    return describeFailure(error, target.timeoutMs);
  }
}

function describe(entitlement: Entitlement, now: Date) {
  const { userId, feature, since, until, revision } = entitlement;
  return {
    type: 'entitlement.changed',
    timestamp: now.toISOString(),
    data: { userId, feature, active: isActive(entitlement, now), since, until, revision },
  };
}

function sign(secret: string, id: string, body: string, now: Date): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

async function readAnswer(response: Response, now: Date): Promise<CallResult> {
  const { status, headers } = response;
  const text = await readLimited(response);
  if (text === null) return { kind: 'answer_too_large', status, limitBytes: ANSWER_LIMIT_BYTES };
  const retryAfterMs = parseRetryAfter(headers.get('retry-after'), headers.get('date'), now);
  return { kind: 'answered', status, retryAfterMs, excerpt: excerpt(text) };
}

/** Null when there is more than we want to hold; the connection is then dropped. */
async function readLimited(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Kept with the attempt for engineers: without what could be personal or secret, and without what Postgres cannot keep. */
function excerpt(text: string): string | null {
  const clean = scrubText(text.slice(0, 4 * EXCERPT_CHARACTERS))
    .replaceAll('\0', '')
    .toWellFormed()
    .trim();
  return clean === '' ? null : clean.slice(0, EXCERPT_CHARACTERS).toWellFormed();
}

function describeFailure(error: unknown, timeoutMs: number): CallResult {
  const { name, cause } = error as Error & { cause?: { code?: string; message?: string } };
  if (name === 'TimeoutError') return { kind: 'timed_out', afterMs: timeoutMs };
  const code = cause?.code ?? name;
  return { kind: 'failed', code, message: scrubText(cause?.message ?? (error as Error).message) };
}
