import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{protocol,server,cli,lab,web,host,test,bench}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'web/dist/**'],
    // Real processes on a noisy two-core machine: long limits, few at once. No test asserts a wall time.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
