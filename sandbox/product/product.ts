import { timingSafeEqual } from 'node:crypto';
import type { LiveFeed } from '../live-feed.ts';
import { signStandardWebhook } from '../provider/signature.ts';
import { type Capacity, type Desk, openDesk } from './capacity.ts';

/** A feature as the product was told of it. */
type HeldFeature = {
  feature: string;
  active: boolean;
  since: string | null;
  until: string | null;
  revision: number;
};

export type ProductState = { users: Record<string, HeldFeature[]> };

type ProductCall = {
  atMs: number;
  headers: Record<string, string>;
  body: string;
  user: string | undefined;
  /** The status answered; undefined when the connection was cut or left hanging. */
  status: number | undefined;
  /** It changed what the user has. */
  applied: boolean;
  /** Calls that were not answered yet when it came, this one among them. */
  underWay: number;
};

/** How the product answers instead of doing what it is told. */
export type Misbehaviour = {
  /** Only for this user; for everyone without it. A user's own comes before everyone's. */
  user?: string;
  /** How many calls; until it is cleared without it. */
  times?: number;
} & (
  | { kind: 'status'; status: number; retryAfterSeconds?: number }
  | { kind: 'slow'; latencyMs: number }
  | { kind: 'hang' }
  | { kind: 'huge'; bytes?: number }
  | { kind: 'redirect'; to?: string }
  | { kind: 'cut' }
  /** It is done, and then the connection is cut. */
  | { kind: 'cut-after-store' }
);

type ActiveMisbehaviour = { readonly misbehaviour: Misbehaviour; readonly remaining: number };

/** The product that payments unlock something in. */
export type ProductControl = {
  readonly activationUrl: string;
  misbehave(misbehaviour: Misbehaviour): void;
  /** Ends misbehaviour: this user's, or all of it. */
  work(user?: string): void;
  readonly misbehaviours: ActiveMisbehaviour[];
  /** From now on it can do no more than this, where it does not misbehave; null: as much as the machine. */
  limitTo(capacity: Capacity | null): void;
  /** Told of every call when it comes, until the end. */
  onCall(listener: (call: ProductCall) => void): () => void;
  featuresOf(user: string): HeldFeature[];
  users(): Record<string, HeldFeature[]>;
  readonly calls: ProductCall[];
  /** The first call, past or to come, that is what is asked for. */
  waitForCall(predicate: (call: ProductCall) => boolean, timeoutMs?: number): Promise<ProductCall>;
  /** Waits until the user has (or has not) the feature. */
  waitForFeature(user: string, feature: string, active: boolean, timeoutMs?: number): Promise<HeldFeature>;
};

type Activation = { userId: string } & HeldFeature;

/** What the product does with one call. */
export type ProductAnswer =
  | { kind: 'answer'; status: number; body: unknown; headers: Record<string, string>; latencyMs: number }
  | { kind: 'huge'; bytes: number }
  | { kind: 'hang' }
  | { kind: 'cut' };

const TOLERANCE_SECONDS = 300;
const HUGE_BYTES = 20_000_000;
const CALLS_MAX = 10_000;

export type Product = ProductControl & {
  receive(headers: Record<string, string>, body: Buffer): ProductAnswer;
  /** The answer of a call received before is out, or its connection is gone. */
  ended(): void;
};

export function createProduct(options: {
  activationUrl: string;
  secret: string | undefined;
  state: ProductState;
  feed: LiveFeed;
  now: () => number;
  changed: () => void;
}): Product {
  const { state, feed, now } = options;
  const calls: ProductCall[] = [];
  const listeners = new Set<(call: ProductCall) => void>();
  let active: { misbehaviour: Misbehaviour; remaining: number }[] = [];
  let desk: Desk | null = null;
  let underWay = 0;

  const takeMisbehaviour = (user: string | undefined) => {
    const own = active.findLast(({ misbehaviour }) => misbehaviour.user !== undefined && misbehaviour.user === user);
    const met = own ?? active.findLast(({ misbehaviour }) => misbehaviour.user === undefined);
    if (met) met.remaining -= 1;
    active = active.filter(({ remaining }) => remaining > 0);
    return met?.misbehaviour;
  };

  const log = (headers: Record<string, string>, body: Buffer, user: string | undefined, answer: ProductAnswer) => {
    const status = answer.kind === 'answer' ? answer.status : answer.kind === 'huge' ? 200 : undefined;
    const applied = answer.kind === 'answer' && (answer.body as { applied?: boolean }).applied === true;
    const call = { atMs: now(), headers, body: body.toString('utf8'), user, status, applied, underWay };
    calls.push(call);
    for (const listener of listeners) listener(call);
    if (calls.length > CALLS_MAX) calls.splice(0, CALLS_MAX / 2);
    feed.publish({ kind: 'product' });
    return answer;
  };

  const apply = (activation: Activation) => {
    const applied = keepIfNewer(state, activation);
    if (applied) options.changed();
    return answered(200, { applied, revision: activation.revision });
  };

  const applyInTime = (activation: Activation): ProductAnswer => {
    const latencyMs = desk === null ? 0 : desk.take(performance.now());
    if (latencyMs === null) return answered(503, { error: 'too many calls at once' });
    return { ...apply(activation), latencyMs };
  };

  const receive = (headers: Record<string, string>, body: Buffer): ProductAnswer => {
    underWay += 1;
    const activation = readActivation(body);
    const user = activation?.userId;
    if (options.secret && !isSigned(options.secret, headers, body, now())) {
      return log(headers, body, user, answered(401, { error: 'unauthorized' }));
    }
    if (!activation) return log(headers, body, user, answered(400, { error: 'not an entitlement.changed' }));
    const met = takeMisbehaviour(user);
    return log(headers, body, user, met ? misbehave(met, () => apply(activation)) : applyInTime(activation));
  };

  const featuresOf = (user: string) => state.users[user] ?? [];

  const waitFor = <T>(find: () => T | undefined, what: string, timeoutMs: number) =>
    new Promise<T>((resolve, reject) => {
      const finish = (settle: () => void) => {
        end();
        clearTimeout(timer);
        settle();
      };
      const look = () => {
        const found = find();
        if (found !== undefined) finish(() => resolve(found));
      };
      const end = feed.subscribe((event) => {
        if (event.kind === 'product') look();
      });
      const timer = setTimeout(() => finish(() => reject(new Error(`${what} within ${timeoutMs} ms`))), timeoutMs);
      look();
    });

  return {
    activationUrl: options.activationUrl,
    misbehave: (misbehaviour) => {
      active.push({ misbehaviour, remaining: misbehaviour.times ?? Number.POSITIVE_INFINITY });
      feed.publish({ kind: 'product' });
    },
    work: (user) => {
      active = user === undefined ? [] : active.filter(({ misbehaviour }) => misbehaviour.user !== user);
      feed.publish({ kind: 'product' });
    },
    get misbehaviours() {
      return active;
    },
    limitTo: (capacity) => {
      desk = capacity && openDesk(capacity);
    },
    onCall: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    featuresOf,
    users: () => state.users,
    calls,
    waitForCall: (predicate, timeoutMs = 5000) => waitFor(() => calls.find(predicate), 'no such call', timeoutMs),
    waitForFeature: (user, feature, isActive, timeoutMs = 5000) =>
      waitFor(
        () => featuresOf(user).find((held) => held.feature === feature && held.active === isActive),
        `${user} did not become ${isActive ? 'active' : 'inactive'} for ${feature}; has ${JSON.stringify(featuresOf(user))}`,
        timeoutMs,
      ),
    receive,
    ended: () => {
      underWay -= 1;
    },
  };
}

const answered = (
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
  latencyMs = 0,
): ProductAnswer & { kind: 'answer' } => ({
  kind: 'answer',
  status,
  body,
  headers,
  latencyMs,
});

function misbehave(misbehaviour: Misbehaviour, apply: () => ProductAnswer): ProductAnswer {
  switch (misbehaviour.kind) {
    case 'status': {
      const { status, retryAfterSeconds } = misbehaviour;
      const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
      return answered(status, { error: 'the sandbox was told to refuse' }, headers);
    }
    case 'slow':
      return { ...apply(), latencyMs: misbehaviour.latencyMs } as ProductAnswer;
    case 'huge':
      return { kind: 'huge', bytes: misbehaviour.bytes ?? HUGE_BYTES };
    case 'redirect':
      return answered(302, {}, { location: misbehaviour.to ?? 'http://127.0.0.1:9/elsewhere' });
    case 'cut-after-store':
      apply();
      return { kind: 'cut' };
    case 'hang':
    case 'cut':
      return { kind: misbehaviour.kind };
  }
}

/** A revision that is not higher than the one known is old news, in whatever order it comes. */
function keepIfNewer(state: ProductState, { userId, ...told }: Activation): boolean {
  const features = state.users[userId] ?? [];
  const known = features.find((held) => held.feature === told.feature);
  if (known && known.revision >= told.revision) return false;
  state.users[userId] = [...features.filter((held) => held !== known), told];
  return true;
}

function readActivation(body: Buffer): Activation | undefined {
  const parsed = parseJson(body) as { type?: unknown; data?: Record<string, unknown> } | undefined;
  const data = parsed?.type === 'entitlement.changed' ? parsed.data : undefined;
  if (!data || typeof data.userId !== 'string' || typeof data.feature !== 'string') return undefined;
  if (typeof data.active !== 'boolean' || !Number.isInteger(data.revision)) return undefined;
  const { userId, feature, active, revision } = data as unknown as Activation;
  const timeOrNull = (value: unknown) => (typeof value === 'string' ? value : null);
  return { userId, feature, active, since: timeOrNull(data.since), until: timeOrNull(data.until), revision };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function isSigned(secret: string, headers: Record<string, string>, body: Buffer, nowMs: number): boolean {
  const { 'webhook-id': id = '', 'webhook-timestamp': timestamp = '', 'webhook-signature': given = '' } = headers;
  const isFresh = Math.abs(nowMs / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS;
  const expected = Buffer.from(signStandardWebhook(secret, id, timestamp, body));
  const matches = given.split(' ').map((one) => Buffer.from(one));
  return isFresh && matches.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
}
