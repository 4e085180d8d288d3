import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** What the processes under test load is compiled once: half of what the start of each costs. */
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url));

/**
 * Most tests wait for a database, a process or the clock more than they compute. Vitest's own default, a core less than there are, ran the
 * files one after the other on two cores. More than eight would need more connections than the test server has.
 */
const WORKERS = Math.min(8, availableParallelism() + 1);

// Three suites: `unit` mirrors src, `journeys` sees the product from outside, `faults` breaks things and takes minutes.
export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    maxWorkers: WORKERS,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/{*.test.ts,!(journeys|faults)/**/*.test.ts}'],
          // Files share the processors: what hangs is found by this, what is slow is not.
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'journeys',
          include: ['test/journeys/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
