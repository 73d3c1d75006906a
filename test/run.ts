// `npm test`: every test there is. `npm run test:fast`: the pure core and the quick rooms, without checks, browser, QEMU and
// bats. Both end with where the time went, what was skipped and why, and a count.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { check } from './check.ts';
import { installWhatIsMissing } from './needed-packages.ts';
import { type FileOutcome, tell } from './outcome.ts';
import { runBats } from './run-bats.ts';
import { runVitest } from './run-vitest.ts';
import { SLOW_FILES } from './slow-files.ts';

const root = path.resolve(import.meta.dirname, '..');
process.env['PATH'] = `${path.join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`;
const otherSteps: Record<string, number> = {};

installWhatIsMissing();
const files = process.argv.includes('--fast') ? await runVitest(root, SLOW_FILES) : await everything();
process.exitCode = tell(files, otherSteps) ? 0 : 1;

async function everything(): Promise<FileOutcome[]> {
  const steps = timed('checks', () => check()).map(({ name, ok }) => oneStep(`check: ${name}`, ok));
  // The console serves what is in web/dist, and runs from dist/: those of now, not of the last build.
  const built = timed('the page and the bundle are built', () => run('npm', 'run', '-s', 'build'));
  if (built) process.env['BREAKGLASS_BUILT_PAGE'] = path.join(root, 'web/dist');
  // Before the tests that need it, or two of them would install packages at the same time. Whether it can be built is told by them.
  timed("QEMU's guest is built", () => run(process.execPath, 'lab/qemu/build-guest.ts'));
  // Side by side: no test claims how long anything takes, so none is disturbed by another.
  const [bats, rooms] = await Promise.all([runBats(root), runVitest(root)]);
  return [...steps, oneStep('the page and the bundle are built', built), ...rooms, ...bats];
}

function oneStep(file: string, ok: boolean): FileOutcome {
  return { file, seconds: 0, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
}

function run(program: string, ...args: readonly string[]): boolean {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) console.log(`${stdout ?? ''}${stderr ?? ''}`);
  return status === 0;
}

function timed<T>(name: string, work: () => T): T {
  const from = performance.now();
  const result = work();
  otherSteps[name] = (performance.now() - from) / 1_000;
  return result;
}
