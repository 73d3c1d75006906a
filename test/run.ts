// `npm test`: every test there is. `npm run test:fast`: the pure core and the quick rooms, without checks, browser, QEMU and
// bats. Both end with where the time went, what was skipped and why, and a count.
import path from 'node:path';
import { execa } from 'execa';
import { check } from './check.ts';
import { installWhatIsMissing } from './needed-packages.ts';
import { type FileOutcome, tell } from './outcome.ts';
import { runBats } from './run-bats.ts';
import { runVitest } from './run-vitest.ts';
import { SLOW_FILES } from './slow-files.ts';
import { keepCompiled } from './support/compile-cache.ts';

const root = path.resolve(import.meta.dirname, '..');
process.env['PATH'] = `${path.join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`;
const otherSteps: Record<string, number> = {};

keepCompiled();
installWhatIsMissing();
const files = process.argv.includes('--fast') ? await runVitest(root, SLOW_FILES) : await everything();
process.exitCode = tell(files, otherSteps) ? 0 : 1;

async function everything(): Promise<FileOutcome[]> {
  const [built] = await Promise.all([
    // The console serves what is in web/dist, and runs from dist/: those of now, not of the last build.
    timed('the page and the bundle are built', run('npm', 'run', '-s', 'build')),
    // Before the tests that need it, or two of them would install packages at the same time. Whether it can be built is told by them.
    timed("QEMU's guest is built", run(process.execPath, 'lab/qemu/build-guest.ts')),
  ]);
  if (built) process.env['BREAKGLASS_BUILT_PAGE'] = path.join(root, 'web/dist');
  // Side by side: no test claims how long anything takes, so none is disturbed by another. The longest ones wait more than they work.
  const [bats, rooms, checked] = await Promise.all([
    runBats(root),
    runVitest(root),
    timed('checks', check()),
  ]);
  const steps = checked.map(({ name, ok }) => oneStep(`check: ${name}`, ok));
  return [...steps, oneStep('the page and the bundle are built', built), ...rooms, ...bats];
}

function oneStep(file: string, ok: boolean): FileOutcome {
  return { file, seconds: 0, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
}

async function run(program: string, ...args: readonly string[]): Promise<boolean> {
  const { failed, all } = await execa(program, args, {
    cwd: root,
    all: true,
    reject: false,
    stdin: 'ignore',
  });
  if (failed) console.log(all);
  return !failed;
}

async function timed<T>(name: string, work: Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await work;
  otherSteps[name] = (performance.now() - from) / 1_000;
  return result;
}
