import { createHash } from 'node:crypto';
import { fingerprintOf } from '../escalation/fingerprint.ts';
import { type Failures, inLockOrder, openOrAttach, raiseSeverity } from '../escalation/open-ticket.ts';
import type { Db } from '../platform/database.ts';
import { createGroupCommit, type GroupCommit } from '../platform/group-commit.ts';
import { type SealKeys, seal } from '../platform/seal.ts';
import { diagnoseRefusal, PROBED_BYTES_MAX } from './diagnosis.ts';
import type { ProviderConfig } from './provider-config.ts';
import { countRefused, insertRefusals, type RefusalRow } from './refusal-store.ts';
import { fingerprint, type ReceivedWebhook, type RefusalCause, type Verdict } from './signature/verdict.ts';

/** A webhook that failed verification, with the cause as well as it can be told. */
export type Refusal = {
  provider: string;
  cause: RefusalCause;
  country: string | null;
  /** Null when this minute's share is used up: it is counted, on its ticket too, and not kept. */
  kept: Omit<RefusalRow, 'ticketId'> | null;
};

export type RefusalBook = {
  /** Diagnoses within the caps; pure but for the count of this minute. */
  examine: (
    provider: ProviderConfig,
    webhook: ReceivedWebhook,
    verdict: Verdict & { valid: false },
    country: string | null,
  ) => Refusal;
  /** Resolves when the refusal is counted, kept and on its ticket. */
  record: (refusal: Refusal) => Promise<void>;
  drain: () => Promise<void>;
};

/** Looking for a cause costs CPU and keeping bytes costs disk: a forger gets no more of either than this, a minute and provider. */
const KEPT_PER_MINUTE = 60;
const KEPT_BYTES_PER_MINUTE = 512 * 1024;
const HEADERS_MAX = 64;
const HEADER_NAME_MAX = 64;

export function createRefusalBook(deps: {
  db: Db;
  secretKeys: SealKeys;
  providers: ProviderConfig[];
  onTicket: () => void;
}): RefusalBook {
  const share = createMinuteShare();
  /** What the verdict came to when it was last looked into: a wave larger than the share is one cause, and one ticket. */
  const lastCauses = new Map<string, RefusalCause>();
  const commit: GroupCommit<Refusal, null> = createGroupCommit<Refusal, null>({
    flush: async (refusals) => {
      await recordRefusals(deps.db, refusals);
      deps.onTicket();
      return refusals.map(() => null);
    },
    maxItems: 1000,
    maxBytes: 8 * 1024 * 1024,
    sizeOf: (refusal) => refusal.kept?.sealed?.length ?? 100,
    lanes: 1,
  });

  function examine(
    provider: ProviderConfig,
    webhook: ReceivedWebhook,
    verdict: Verdict & { valid: false },
    country: string | null,
  ): Refusal {
    const seen = `${provider.name} ${verdict.cause}`;
    if (!share.take(provider.name, webhook)) {
      return { provider: provider.name, cause: lastCauses.get(seen) ?? verdict.cause, country, kept: null };
    }
    const others = deps.providers.filter((one) => one.name !== provider.name).flatMap((one) => one.secrets);
    const { cause, detail } = diagnoseRefusal(provider, webhook, verdict, others);
    lastCauses.set(seen, cause);
    const kept = describe(provider, webhook, verdict, { cause, detail, country }, deps.secretKeys);
    return { provider: provider.name, cause, country, kept };
  }

  return {
    examine,
    record: async (refusal) => {
      await commit.submit(refusal);
    },
    drain: commit.drain,
  };
}

function createMinuteShare() {
  const used = new Map<string, { minute: number; count: number; bytes: number }>();
  function take(name: string, webhook: ReceivedWebhook): boolean {
    const minute = Math.floor(webhook.receivedAt.getTime() / 60_000);
    const before = used.get(name);
    const { count, bytes } = before?.minute === minute ? before : { count: 0, bytes: 0 };
    const now = { minute, count: count + 1, bytes: bytes + Math.min(webhook.body.length, PROBED_BYTES_MAX) };
    used.set(name, now);
    return now.count <= KEPT_PER_MINUTE && now.bytes <= KEPT_BYTES_PER_MINUTE;
  }
  return { take };
}

function describe(
  provider: ProviderConfig,
  webhook: ReceivedWebhook,
  verdict: Verdict & { valid: false },
  found: { cause: RefusalCause; detail: string | null; country: string | null },
  keys: SealKeys,
): Omit<RefusalRow, 'ticketId'> {
  const small = webhook.body.length <= PROBED_BYTES_MAX;
  return {
    provider: provider.name,
    ...found,
    receivedAt: webhook.receivedAt,
    ageSeconds: verdict.ageSeconds,
    headerNames: namesOf(webhook.headers),
    secretFingerprints: provider.secrets.map(fingerprint),
    bodyHash: createHash('sha256').update(webhook.body).digest(),
    bodyBytes: webhook.body.length,
    sealed: small ? seal(keys, packWebhook(webhook)) : null,
  };
}

/** They are the sender's own words: enough to see which one is missing, and no more. */
function namesOf(headers: ReceivedWebhook['headers']): string[] {
  return Object.keys(headers)
    .slice(0, HEADERS_MAX)
    .map((name) => name.slice(0, HEADER_NAME_MAX));
}

/** All of it is sealed, headers too: the signature is needed to verify it again. */
function packWebhook(webhook: ReceivedWebhook): Buffer {
  return Buffer.from(JSON.stringify({ headers: webhook.headers, body: webhook.body.toString('base64') }));
}

export function unpackWebhook(bytes: Buffer, receivedAt: Date): ReceivedWebhook {
  const { headers, body } = JSON.parse(bytes.toString()) as { headers: ReceivedWebhook['headers']; body: string };
  return { headers, body: Buffer.from(body, 'base64'), receivedAt };
}

/** All refusals of the moment in one transaction; a ticket is touched once for all of its cause. */
async function recordRefusals(db: Db, refusals: Refusal[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Before the tickets, as everywhere: the counter's row is shared with transactions that count first.
    await countRefused(trx, refusals.length);
    const ticketIds = new Map<string, number>();
    for (const failures of inLockOrder(groupByCause(refusals), ({ cause }) => cause)) {
      const { ticketId } = await openOrAttach(trx, failures);
      await raiseSeverity(trx, ticketId, true);
      ticketIds.set(fingerprintOf(failures.cause), ticketId);
    }
    const rows = refusals.flatMap((refusal) =>
      refusal.kept ? [{ ...refusal.kept, ticketId: ticketIds.get(fingerprintOf(causeOf(refusal)))! }] : [],
    );
    await insertRefusals(trx, rows);
  });
}

function causeOf(refusal: Refusal) {
  const errorFamily = `signature: ${refusal.cause}`;
  return { stage: 'intake' as const, source: refusal.provider, dependency: null, errorFamily };
}

function groupByCause(refusals: Refusal[]): Failures[] {
  const groups = new Map<string, Failures>();
  for (const refusal of refusals) {
    const cause = causeOf(refusal);
    const group = groups.get(fingerprintOf(cause)) ?? {
      cause,
      count: 0,
      countries: [],
      sampleTransaction: null,
      needsLook: true,
    };
    group.count += 1;
    group.countries.push(refusal.country);
    groups.set(fingerprintOf(cause), group);
  }
  return [...groups.values()];
}
