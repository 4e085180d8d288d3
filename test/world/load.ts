import { setTimeout as wait } from 'node:timers/promises';
import { postWebhook } from './webhooks.ts';

export type LoadPayment = { status: 'success'; amount: string; user_id: string; transaction_id: string };
/** How one webhook was answered; status null: the connection broke. */
export type LoadAnswer = {
  payment: LoadPayment;
  status: number | null;
  retryAfter: string | null;
  event: string | undefined;
  sentAtMs: number;
  tookMs: number;
};

export type Load = {
  /** Everything answered so far. */
  answers: LoadAnswer[];
  stop(): Promise<LoadAnswer[]>;
};

/** Providers that post payments of always new users, each over `connections` at once, until stopped. */
export function startLoad(
  target: () => { url: string },
  options: { connections?: number; pauseMs?: number; prefix: string },
): Load {
  const { connections = 16, pauseMs = 5, prefix } = options;
  const answers: LoadAnswer[] = [];
  let isOver = false;
  let n = 0;
  const post = async () => {
    n += 1;
    const name = `${prefix}-${n}`;
    answers.push(await send(target(), { status: 'success', amount: '9.99', user_id: name, transaction_id: name }));
  };
  const lanes = Array.from({ length: connections }, async () => {
    while (!isOver) {
      await post();
      await wait(pauseMs);
    }
  });
  return {
    answers,
    stop: async () => {
      isOver = true;
      await Promise.all(lanes);
      return answers;
    },
  };
}

async function send(target: { url: string }, payment: LoadPayment): Promise<LoadAnswer> {
  const sentAtMs = performance.now();
  const rest = () => ({ payment, sentAtMs, tookMs: performance.now() - sentAtMs });
  try {
    const { status, headers, body } = await postWebhook(target, 'acme', payment);
    return { ...rest(), status, retryAfter: headers.get('retry-after'), event: body.event };
  } catch {
    return { ...rest(), status: null, retryAfter: null, event: undefined };
  }
}

/** Sends many, so many at once. */
export async function sendAll(
  target: () => { url: string },
  payments: LoadPayment[],
  connections = 32,
): Promise<LoadAnswer[]> {
  const left = [...payments];
  const answers: LoadAnswer[] = [];
  const lane = async () => {
    for (let payment = left.shift(); payment; payment = left.shift()) answers.push(await send(target(), payment));
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return answers;
}
