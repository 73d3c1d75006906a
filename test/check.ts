// `npm run check`: types, format, lint, import directions, dead code. Each tool says what it found; all of them run.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';

const root = path.resolve(import.meta.dirname, '..');
const bin = (name: string): string => path.join(root, 'node_modules', '.bin', name);

const STEPS: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: 'types', command: [path.join(root, 'node_modules/@typescript/native/bin/tsc'), '-p', root] },
  {
    name: 'types of the page',
    command: [bin('svelte-check'), '--tsconfig', 'web/tsconfig.json', '--fail-on-warnings'],
  },
  {
    name: 'types of its tests',
    command: [path.join(root, 'node_modules/@typescript/native/bin/tsc'), '-p', 'web/dev'],
  },
  { name: 'format and lint', command: [bin('biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'type-aware lint', command: [bin('oxlint'), '--deny-warnings'] },
  {
    name: 'import directions',
    command: [
      bin('depcruise'),
      'protocol',
      'server',
      'cli',
      'web/src',
      'lab',
      'bench',
      'test',
      'host',
      'docs',
    ],
  },
  { name: 'dead code', command: [bin('knip')] },
  // No linter of these catches it, and Trusted Types does not stop it: Svelte brings a policy of its own.
  {
    name: 'no {@html}',
    command: ['git', '-C', root, 'grep', '--untracked', '-n', '{@html', '--', 'web/src'],
  },
  {
    name: 'shell scripts',
    command: [
      'bash',
      '-c',
      'git ls-files -z | xargs -0 grep -lZE "^#!.*(ba)?sh\\b" -- | xargs -0 shellcheck',
    ],
  },
];

export interface Checked {
  readonly name: string;
  readonly ok: boolean;
}

/** One after another: the long ones use every core by themselves. */
export async function check(): Promise<readonly Checked[]> {
  const checked: Checked[] = [];
  for (const { name, command } of STEPS) checked.push({ name, ok: await run(name, command) });
  return checked;
}

async function run(name: string, [program = '', ...args]: readonly string[]): Promise<boolean> {
  const { exitCode, all, shortMessage } = await execa(program, args, {
    cwd: root,
    env: { NO_COLOR: '1' },
    all: true,
    reject: false,
    stdin: 'ignore',
  });
  // grep finds nothing: exit 1, which is what we want.
  const ok = name === 'no {@html}' ? exitCode === 1 : exitCode === 0;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
  if (!ok) console.log(all || shortMessage);
  return ok;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await check()).every(({ ok }) => ok) ? 0 : 1;
}
