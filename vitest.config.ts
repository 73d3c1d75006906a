import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { SLOW_FILES } from './test/slow-files.ts';
import { keepCompiled } from './test/support/compile-cache.ts';

keepCompiled();

/** The long ones first. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const name = path.relative(import.meta.dirname, moduleId);
      const at = SLOW_FILES.findIndex((glob) => path.matchesGlob(name, glob));
      return at < 0 ? SLOW_FILES.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['{protocol,server,cli,lab,web,host,test,bench}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'web/dist/**'],
    // Real processes on a noisy two-core machine. These limits end what hangs, and lie above the bound of every single wait
    // (test/support/wait-for.ts), which names what did not come. No test asserts a wall time.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 120_000, interval: 50 } },
    // Twice the cores of a small machine: the longest files wait (for a guest, an SSH client, a limit) more than they work.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
  },
});
