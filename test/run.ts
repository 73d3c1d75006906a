// `npm test`: every test there is. What they need beyond npm is installed by apt when root, else named. Ends with a count.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { check } from './check.ts';

const root = path.resolve(import.meta.dirname, '..');
const scratch = mkdtempSync(path.join(tmpdir(), 'bg-test-'));
const env = { ...process.env, PATH: `${path.join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}` };

const NEEDED = [
  { file: '/usr/sbin/sshd', debianPackage: 'openssh-server' },
  { file: '/usr/bin/ssh', debianPackage: 'openssh-client' },
  { file: '/usr/bin/chromium', debianPackage: 'chromium' },
  { file: '/usr/bin/shellcheck', debianPackage: 'shellcheck' },
  { file: '/usr/bin/ps', debianPackage: 'procps' },
  { file: '/usr/bin/sudo', debianPackage: 'sudo' },
  { file: '/usr/bin/jq', debianPackage: 'jq' },
  { file: '/usr/bin/openssl', debianPackage: 'openssl' },
];

installWhatIsMissing();
let passed = 0;
let failed = 0;
let skipped = 0;

for (const { ok } of check()) {
  if (ok) passed++;
  else failed++;
}
// Rooms first, side by side; then what crosses rooms (browsers, real servers, kills), one at a time.
vitest('rooms', ['--exclude', 'test/**']);
vitest('house', ['--exclude', '{protocol,server,cli,lab,web,host,bench}/**', '--maxWorkers', '1']);
bats();
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;

function installWhatIsMissing(): void {
  const missing = NEEDED.filter(({ file }) => !existsSync(file)).map(({ debianPackage }) => debianPackage);
  if (missing.length === 0) return;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) {
    console.error(`The tests need packages that are not installed. Run as root:\n  ${install}`);
    process.exit(1);
  }
  console.log(`installing ${missing.join(', ')}`);
  const { status } = spawnSync('sh', ['-c', install], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) {
    console.error(`Could not install them. Run by hand:\n  ${install}`);
    process.exit(1);
  }
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function vitest(name: string, args: readonly string[]): void {
  const file = path.join(scratch, `${name}.json`);
  const { status } = spawnSync(
    path.join(root, 'node_modules/.bin/vitest'),
    ['run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    { cwd: root, stdio: 'inherit', env },
  );
  if (!existsSync(file)) {
    console.log(`FAIL vitest (${name}) ended without a report, exit ${status}`);
    failed++;
    return;
  }
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests;
  // A file that does not load has no test that could fail: count the file.
  const broken = report.testResults.filter(
    (result) =>
      result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed'),
  );
  failed += broken.length;
  for (const result of broken) console.log(`FAIL ${result.name} did not run`);
  if (status !== 0 && report.numFailedTests === 0 && broken.length === 0) failed++;
}

function bats(): void {
  const { stdout, stderr } = spawnSync(
    path.join(root, 'node_modules/bats/bin/bats'),
    ['--formatter', 'tap', 'host/test'],
    { cwd: root, encoding: 'utf8', env },
  );
  console.log(`${stdout}${stderr}`);
  const lines = stdout.split('\n');
  const isSkip = (line: string): boolean => /^ok .* # skip/i.test(line);
  const planned = Number(/^1\.\.(\d+)/m.exec(stdout)?.[1] ?? 0);
  const ok = lines.filter((line) => line.startsWith('ok ') && !isSkip(line)).length;
  const skips = lines.filter(isSkip).length;
  passed += ok;
  skipped += skips;
  failed += planned === 0 ? 1 : planned - ok - skips;
}
