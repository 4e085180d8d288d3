import { afterEach, expect, test, vi } from 'vitest';
import { CommitTimeoutError, createGroupCommit, QueueFullError } from '../../src/platform/group-commit.ts';

/** A flush that the test lets go by hand, and that remembers its batches. */
function heldFlush() {
  const batches: string[][] = [];
  const releases: (() => void)[] = [];
  const flush = (items: string[]) => {
    batches.push(items);
    return new Promise<string[]>((resolve) => releases.push(() => resolve(items.map((item) => `${item}!`))));
  };
  return {
    batches,
    flush,
    release: () => releases.shift()?.(),
    begun: (n: number) => until(() => batches.length >= n),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const limits = { maxItems: 100, maxBytes: 1_000, sizeOf: (item: string) => item.length, lanes: 1 };

test('items of one turn share a flush and each gets its own result', async () => {
  const batches: string[][] = [];
  const group = createGroupCommit({
    ...limits,
    flush: async (items: string[]) => {
      batches.push(items);
      return items.map((item) => item.toUpperCase());
    },
  });
  expect(await Promise.all(['a', 'b', 'c'].map(group.submit))).toEqual(['A', 'B', 'C']);
  expect(batches).toEqual([['a', 'b', 'c']]);
});

test('what arrives while a flush runs gathers into the next one', async () => {
  const held = heldFlush();
  const group = createGroupCommit({ ...limits, flush: held.flush });
  const first = group.submit('a');
  await held.begun(1);
  const later = [group.submit('b'), group.submit('c')];
  held.release();
  expect(await first).toBe('a!');
  await held.begun(2);
  held.release();
  expect(await Promise.all(later)).toEqual(['b!', 'c!']);
  expect(held.batches).toEqual([['a'], ['b', 'c']]);
});

test('a second flush waits until the first has run for a while, and begins sooner when that is over', async () => {
  const held = heldFlush();
  const group = createGroupCommit({ ...limits, lanes: 2, overlapAfterMs: 3_600_000, flush: held.flush });
  void group.submit('a');
  await held.begun(1);
  const later = group.submit('b');
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(held.batches).toEqual([['a']]);
  held.release();
  await held.begun(2);
  held.release();
  expect(await later).toBe('b!');
});

test('a second flush begins beside one that has run for a while', async () => {
  const held = heldFlush();
  const group = createGroupCommit({ ...limits, lanes: 2, overlapAfterMs: 1, flush: held.flush });
  void group.submit('a');
  await held.begun(1);
  void group.submit('b');
  await held.begun(2);
  expect(held.batches).toEqual([['a'], ['b']]);
  held.release();
  held.release();
});

test('no more flushes run at once than there are lanes', async () => {
  let running = 0;
  let most = 0;
  const flush = async (items: number[]) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return items;
  };
  const group = createGroupCommit({ flush, maxItems: 3, maxBytes: 1_000, sizeOf: () => 1, lanes: 2 });
  const items = Array.from({ length: 50 }, (_, i) => i);
  expect(await Promise.all(items.map(group.submit))).toEqual(items);
  expect(most).toBe(2);
});

test('a batch keeps to its items and its bytes, and an item over the bytes travels alone', async () => {
  const batches: string[][] = [];
  const flush = async (items: string[]) => {
    batches.push(items);
    return items;
  };
  const group = createGroupCommit({ ...limits, flush, maxItems: 3, maxBytes: 5 });
  await Promise.all(['aa', 'bb', 'cc', 'dddddddd', 'e', 'f', 'g', 'h'].map(group.submit));
  expect(batches).toEqual([['aa', 'bb'], ['cc'], ['dddddddd'], ['e', 'f', 'g'], ['h']]);
});

test('a full queue refuses at once, by rows and by bytes, and takes again when it has room', async () => {
  const held = heldFlush();
  const group = createGroupCommit({ ...limits, flush: held.flush, maxQueuedItems: 2, maxQueuedBytes: 6 });
  const first = group.submit('a');
  await held.begun(1);
  const second = group.submit('bbbb');
  await expect(group.submit('cccc')).rejects.toThrow(QueueFullError);
  const third = group.submit('cc');
  await expect(group.submit('')).rejects.toThrow(QueueFullError);
  held.release();
  await held.begun(2);
  expect(group.depth()).toBe(0);
  const fourth = group.submit('dddd');
  held.release();
  await held.begun(3);
  held.release();
  expect(await Promise.all([first, second, third, fourth])).toEqual(['a!', 'bbbb!', 'cc!', 'dddd!']);
});

test('past its deadline a waiting item is rejected and never flushed, and one in flight is rejected too', async () => {
  const held = heldFlush();
  const group = createGroupCommit({ ...limits, flush: held.flush, deadlineMs: 20, maxQueuedBytes: 1 });
  const inFlight = group.submit('a');
  const caught = expect(inFlight).rejects.toThrow(CommitTimeoutError);
  await held.begun(1);
  await expect(group.submit('b')).rejects.toThrow(CommitTimeoutError);
  await caught;
  held.release();
  await group.drain();
  const after = group.submit('c');
  await held.begun(2);
  held.release();
  expect(await after).toBe('c!');
  expect(held.batches).toEqual([['a'], ['c']]);
});

test('a failed flush rejects its own batch and no other', async () => {
  const flush = async (items: string[]) => {
    if (items.includes('bad')) throw new Error('no space left');
    return items;
  };
  const group = createGroupCommit({ ...limits, flush, maxItems: 1 });
  const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map(group.submit));
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a flush that forgets an item is loud: nobody is told a result that may be another item’s', async () => {
  const group = createGroupCommit({ ...limits, flush: async (items: string[]) => items.slice(1) });
  const outcomes = await Promise.allSettled(['a', 'b'].map(group.submit));
  expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
});

test('draining waits for every answer and is immediate at rest', async () => {
  const held = heldFlush();
  const group = createGroupCommit({ ...limits, flush: held.flush });
  await group.drain();
  const answered: string[] = [];
  void group.submit('a').then((result) => answered.push(result));
  const drained = group.drain().then(() => answered.push('drained'));
  await held.begun(1);
  held.release();
  await drained;
  expect(answered).toEqual(['a!', 'drained']);
});

/** Answers at once, and remembers its batches. */
function openFlush() {
  const batches: string[][] = [];
  const flush = async (items: string[]) => {
    batches.push(items);
    return items;
  };
  return { batches, flush };
}

afterEach(() => void vi.useRealTimers());

test('what comes within the gathering time of an item shares its flush, and what comes after it does not', async () => {
  vi.useFakeTimers();
  const { batches, flush } = openFlush();
  const group = createGroupCommit({ ...limits, flush, gatherMs: 8 });
  const first = group.submit('a');
  await vi.advanceTimersByTimeAsync(7);
  expect(batches).toEqual([]);
  const second = group.submit('b');
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toEqual([['a', 'b']]);
  const third = group.submit('c');
  await vi.advanceTimersByTimeAsync(8);
  expect(batches).toEqual([['a', 'b'], ['c']]);
  expect(await Promise.all([first, second, third])).toEqual(['a', 'b', 'c']);
});

test('without a gathering time an item waits for the end of its turn, and for no timer', async () => {
  vi.useFakeTimers();
  const { batches, flush } = openFlush();
  const group = createGroupCommit({ ...limits, flush });
  const first = group.submit('a');
  await vi.advanceTimersByTimeAsync(0);
  const second = group.submit('b');
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([['a'], ['b']]);
  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
});
