// Runs vitest here, file by file in processes of their own, and takes what came of each from vitest itself.
import path from 'node:path';
import { startVitest, type TestCase, type TestModule } from 'vitest/node';
import type { FileOutcome, SkippedTest } from './outcome.ts';
import { SKIPPED_BECAUSE } from './support/skipped-because.ts';

/** Files below `root`, without those that the globs name. */
export async function runVitest(root: string, exclude: readonly string[] = []): Promise<FileOutcome[]> {
  const vitest = await startVitest([], { root, watch: false, cliExclude: [...exclude] });
  try {
    const files = vitest.state.getTestModules().map((module) => outcomeOf(root, module));
    const errors = vitest.state.getUnhandledErrors();
    if (errors.length === 0) return files;
    // Vitest has printed them.
    const nobodys = { file: 'errors that belong to no test', seconds: 0, passed: 0, skipped: [] };
    return [...files, { ...nobodys, failed: errors.length }];
  } finally {
    await vitest.close();
  }
}

function outcomeOf(root: string, module: TestModule): FileOutcome {
  const tests = [...module.children.allTests()];
  const inState = (state: string): readonly TestCase[] =>
    tests.filter((test) => test.result().state === state);
  const skipped = inState('skipped').map(skippedTest);
  // A file that does not load, or a hook that fails: what was not run because of it has not passed.
  const broken = !module.ok() && inState('failed').length === 0;
  const notRun = module.ok() ? [] : skipped.filter(({ why }) => why === undefined);
  const { duration, collectDuration } = module.diagnostic();
  return {
    file: path.relative(root, module.moduleId),
    seconds: (duration + collectDuration) / 1_000,
    passed: inState('passed').length,
    failed: inState('failed').length + notRun.length + (broken && notRun.length === 0 ? 1 : 0),
    skipped: skipped.filter((test) => !notRun.includes(test)),
  };
}

function skippedTest(test: TestCase): SkippedTest {
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  return { name: test.fullName, why: note ?? SKIPPED_BECAUSE.exec(test.fullName)?.[1] };
}
