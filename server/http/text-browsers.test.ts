// The emergency page in the two text browsers that people have on a rescue shell: the real programs, at a terminal of their own.
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newOperationId, type OperationId, type TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import { testDoor } from '../../test/support/door.ts';
import { powerOnlyApp } from '../../test/support/power-only-app.ts';
import { smallTargets } from '../../test/support/small-target.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { until, within } from '../../test/support/wait-for.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'emergency-token-0123456789';
const ENTER = '^J';

/** A console, what was pressed on it, and each page that it has sent to a browser. */
async function house() {
  const operations = new Map<OperationId, Operation>();
  const pages: string[] = [];
  const power = {
    start: async ({ verb, by }: Parameters<Power['start']>[0]) => {
      const at = new Date().toISOString();
      const operation: Operation = {
        id: newOperationId(),
        target: 'devvm' as TargetName,
        verb,
        by,
        started_at: at,
        finished_at: at,
        state: 'succeeded',
        steps: [],
        outcome: { summary: `Over: ${verb}.` },
      };
      operations.set(operation.id, operation);
      return operation;
    },
    checkFree: () => {},
    get: async (id: OperationId) => operations.get(id),
    watch: () => () => undefined,
  } as unknown as Power;
  const app = await powerOnlyApp({
    door: testDoor({ bearerToken: TOKEN }),
    targets: smallTargets({
      devvm: {
        power,
        state: { ssh: { answers: false, reading: 'silent', at: null }, qmp: { answers: true, at: null } },
      },
    }),
  });
  app.addHook('onSend', async (_request, _reply, payload) => {
    if (String(payload).startsWith('<!doctype html>')) pages.push(String(payload));
    return payload;
  });
  onTestFinished(() => app.close());
  const base = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url: `${base}/emergency`, operations, pages };
}

/** How many links, fields and buttons stand before the one whose markup this matches. */
function placeOf(html: string, wanted: RegExp): number {
  const all = html.match(/<a [^>]*>|<input (?!type="hidden")[^>]*>|<button(?! disabled)[^>]*>[^<]*/g) ?? [];
  const place = all.findIndex((each) => wanted.test(each));
  if (place < 0) throw new Error(`${wanted} is not on the page: ${all.join(' ')}`);
  return place;
}

const spawnAtTerminal = (command: string, home: string) =>
  spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'vt100', HOME: home, LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });

const ended = (child: ReturnType<typeof spawn>): Promise<number | null> => {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  return promise;
};

test('lynx signs in, shows the state and reads it again, asks for the status and cycles by the box', async () => {
  const { url, operations, pages } = await house();
  const home = tempDir();
  const script = path.join(home, 'keys');
  const settings = path.join(home, 'lynx.cfg');
  // It waits after each message, for a person to read it.
  await writeFile(settings, 'INFOSECS:0\nMESSAGESECS:0\nALERTSECS:0\nCHARACTER_SET:utf-8\n');
  const down = (steps: number): readonly string[] => Array.from({ length: steps }, () => 'Down Arrow');
  const lynx = async (...keys: readonly string[]): Promise<string> => {
    // It asks whether it may keep the cookie: A for always.
    const all = [...TOKEN.split(''), 'Down Arrow', 'Down Arrow', ENTER, 'A', ...keys, 'q', 'y'];
    await writeFile(script, all.map((key) => `key ${key}\n`).join(''));
    const child = spawnAtTerminal(`lynx -nocolor -cfg=${settings} -cmd_script=${script} ${url}`, home);
    let screen = '';
    child.stdout.on('data', (text: Buffer) => {
      screen += text.toString();
    });
    expect(await within('the end of lynx', ended(child))).toBe(0);
    return screen;
  };

  expect(await lynx()).toContain('devvm: running, SSH silent');
  const state = pages.at(-1) ?? '';
  const again = placeOf(state, /^<a href="\/emergency">/);
  const before = pages.length;
  await lynx(...down(again), ENTER, ENTER);
  // The way in, the state, and twice again.
  expect(pages.length - before).toBe(4);

  await lynx(...down(placeOf(state, /^<button>Status/)), ENTER);
  expect([...operations.values()].map(({ verb }) => verb)).toEqual(['status']);
  expect(pages.at(-1)).toContain('Over: status.');

  const box = placeOf(state, /name="sure"/);
  expect(placeOf(state, /^<button>Cycle devvm/)).toBe(box + 1);
  await lynx(...down(box), ENTER, 'Down Arrow', ENTER);
  expect([...operations.values()].map(({ verb }) => verb)).toEqual(['status', 'cycle']);
  expect(pages.at(-1)).toContain('Over: cycle.');
}, 300_000);

test('w3m signs in, asks for the status, and a verb whose box was left out is asked for again', async () => {
  const { url, operations, pages } = await house();
  const child = spawnAtTerminal(`w3m -cookie ${url}`, tempDir());
  const over = ended(child);
  let screen = '';
  child.stdout.on('data', (text: Buffer) => {
    screen += text.toString().replaceAll('\0', '');
  });
  /** Keys are looked at when the page stands: its title is in the last line. */
  const drawn = async (title: string): Promise<void> => {
    await until(`${title} in w3m`, () => screen.includes(`Viewing <${title}`));
    screen = '';
  };
  const press = (wanted: RegExp, ...more: readonly string[]): void => {
    child.stdin.write(`${'\t'.repeat(placeOf(pages.at(-1) ?? '', wanted) + 1)}\r${more.join('')}`);
  };
  await drawn('Sign in');
  // The field opens at the foot of the screen. From there on to the box and the button.
  press(/name="token"/, `${TOKEN}\r`, '\t\t\r');
  await drawn('devvm: running, SSH silent');
  press(/^<button>Status/);
  await drawn('status devvm');
  expect(pages.at(-1)).toContain('Over: status.');
  press(/^<a href="\/emergency"/);
  await drawn('devvm: running');
  const before = pages.length;
  press(/^<a href="\/emergency"/);
  await drawn('devvm: running');
  expect(pages.length - before).toBe(1);
  press(/^<button>Stop devvm/);
  await drawn('stop devvm?');
  expect([...operations.values()].map(({ verb }) => verb)).toEqual(['status']);
  press(/^<button class="ink">Yes, stop now/);
  await drawn('stop devvm');
  expect([...operations.values()].map(({ verb }) => verb)).toEqual(['status', 'stop']);
  child.stdin.write('qy');
  child.stdin.end();
  expect(await within('the end of w3m', over)).toBe(0);
}, 300_000);
