import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLoop, type Loop } from '../../src/platform/loop.ts';

const POLL_MS = 10_000;
const GATHER_MS = 40;

let loop: Loop;
let runs: number;
/** What the next runs find. */
let found: number[];

beforeEach(async () => {
  vi.useFakeTimers();
  runs = 0;
  found = [];
  const work = async () => {
    runs += 1;
    return found.shift() ?? 0;
  };
  loop = createLoop({ work, pollMs: POLL_MS, gatherMs: GATHER_MS, onError: () => {} });
  loop.start();
  await pass(0);
  expect(runs).toBe(1);
});

afterEach(async () => {
  await loop.stop();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('runs again at once while it finds something, and else when the poll is due', async () => {
  found = [3, 1];
  await pass(POLL_MS - 1);
  expect(runs).toBe(1);
  await pass(1);
  expect(runs).toBe(4);
});

test('what comes within the gathering shares a run', async () => {
  loop.wake();
  await pass(GATHER_MS - 1);
  loop.wake();
  expect(runs).toBe(1);
  await pass(1);
  expect(runs).toBe(2);
  await pass(POLL_MS - 1);
  expect(runs).toBe(2);
});

test('who hurries waits for no gathering', async () => {
  loop.hurry();
  await pass(0);
  expect(runs).toBe(2);
});

test('who hurries ends a gathering that has begun', async () => {
  loop.wake();
  await pass(GATHER_MS / 2);
  loop.hurry();
  await pass(0);
  expect(runs).toBe(2);
});

test('stops in the middle of a gathering', async () => {
  loop.wake();
  await pass(1);
  await loop.stop();
  expect(runs).toBe(1);
});
