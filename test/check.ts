// `npm run check`: types, format, lint, import directions, dead code. Each tool says what it found; all of them run.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

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

export function check(): readonly Checked[] {
  return STEPS.map(({ name, command: [program = '', ...args] }) => {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
      maxBuffer: 64 * 1024 * 1024,
    });
    // grep finds nothing: exit 1, which is what we want.
    const ok = name === 'no {@html}' ? status === 1 : status === 0;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
    if (!ok) console.log(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
    return { name, ok };
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = check().every(({ ok }) => ok) ? 0 : 1;
}
