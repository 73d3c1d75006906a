// `npm run check`: types, format, lint, import directions, dead code. Each tool says what it found; all of them run, as many at a time as
// there are cores.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
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

export async function check(): Promise<readonly Checked[]> {
  const checked = new Map<string, boolean>();
  const waiting = [...STEPS];
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift())
      checked.set(step.name, await run(step));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return STEPS.map(({ name }) => ({ name, ok: checked.get(name) === true }));
}

async function run({ name, command: [program = '', ...args] }: (typeof STEPS)[number]): Promise<boolean> {
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      said += error.message;
      resolve(null);
    });
    child.once('close', resolve);
  });
  // grep finds nothing: exit 1, which is what we want.
  const ok = name === 'no {@html}' ? code === 1 : code === 0;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
  if (!ok) console.log(said);
  return ok;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await check()).every(({ ok }) => ok) ? 0 : 1;
}
