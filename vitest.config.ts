import { defineConfig } from 'vitest/config';

// Three suites: `unit` mirrors src, `journeys` sees the product from outside, `faults` breaks things and takes minutes.
export default defineConfig({
  test: {
    globalSetup: ['test/global-setup.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/{*.test.ts,!(journeys|faults)/**/*.test.ts}'] } },
      {
        extends: true,
        test: {
          name: 'journeys',
          maxWorkers: 3,
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
