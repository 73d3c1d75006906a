import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{protocol,server,cli,lab,web,host,test,bench}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'web/dist/**'],
    // Real processes on a noisy two-core machine. These limits end what hangs, and lie above the bound of every single wait
    // (test/support/wait-for.ts), which names what did not come. No test asserts a wall time.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000, interval: 50 } },
    maxWorkers: 2,
  },
});
