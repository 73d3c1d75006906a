// What only real processes show: the lab's VM has none. Real OpenSSH on both ends, and a real bash behind the wrapper.
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectTo, PATIENT, silent } from '../../test/support/ssh-parts.ts';
import { type Sshd, startSshd } from '../../test/support/sshd.ts';
import { until } from '../../test/support/wait-for.ts';
import { createGuest } from './guest.ts';
import type { Guest, GuestCommand } from './port.ts';

/** Enough for a machine that has eight other things to do. */
const UNHURRIED = { stop: 60_000, awaitPid: 60_000, awaitEnd: 60_000 };

let sshd: Sshd;
let guest: Guest;

beforeAll(async () => {
  sshd = await startSshd();
  guest = createGuest({ repair: connectTo(sshd, PATIENT), logger: silent, stopLimits: UNHURRIED });
});
afterAll(async () => {
  await guest.close();
  await sshd.stop();
});

/** A command that runs: what it said until now, and how it ends. */
const start = (command: string, options: Partial<GuestCommand> = {}, on: Guest = guest) => {
  let text = '';
  const ended = on.run({
    account: 'repair',
    command,
    timeoutMs: 100_000,
    signal: new AbortController().signal,
    onOutput: (_stream, piece) => {
      text += piece;
    },
    ...options,
  });
  const heard = (pattern: RegExp): Promise<RegExpExecArray> =>
    until(`${pattern} from the command`, () => pattern.exec(text));
  return { ended, heard };
};

const file = (name: string): string => path.join(sshd.dir, name);
/** For a command: waits until the test makes that file. It gives up when nobody does. */
const untilThere = (name: string): string =>
  `for i in $(seq 2000); do [ -e ${file(name)} ] && break; sleep 0.05; done`;
const make = (name: string): void => writeFileSync(file(name), '');
const isRunning = (pid: string | undefined): boolean => existsSync(`/proc/${pid}`);

test.each([
  ['a loop', (rest: string) => `echo one; ${rest}; echo two`],
  ['a child', (rest: string) => `bash -c 'echo one; ${rest}; echo two'`],
  ['a pipe', (rest: string) => `(echo one; ${rest}; echo two) | cat`],
])('%s is heard while it runs', async (name, command) => {
  const go = `heard-${name.replace(' ', '-')}`;
  const running = start(command(untilThere(go)));
  await running.heard(/one/);
  make(go);
  expect(await running.ended).toMatchObject({ ended: 'exited', exitCode: 0, output: 'one\ntwo\n' });
});

test('a file that is followed shows what another command appends, until a stop', async () => {
  make('followed');
  const stop = new AbortController();
  const following = start(`echo "$$"; exec tail -f ${file('followed')}`, { signal: stop.signal });
  const [, pid] = await following.heard(/(\d+)\n/);
  for (const line of ['first', 'second']) {
    await start(`echo ${line} >>${file('followed')}`).ended;
    await following.heard(new RegExp(line));
  }
  stop.abort();
  expect(await following.ended).toMatchObject({ ended: 'stopped', farSide: 'proven' });
  expect(isRunning(pid)).toBe(false);
});

test('a process in the background runs beside its shell, which can ask for it, end it and wait for it', async () => {
  const ownEnd = start(
    `(${untilThere('background')}; exit 7) & kill -0 $! && echo runs; touch ${file('background')}; wait $!; echo $?`,
  );
  expect((await ownEnd.ended).output).toBe('runs\n7\n');
  expect((await start('sleep 300 & kill -TERM $!; wait $!; echo $?').ended).output).toBe('143\n');
});

test('a handler of TERM runs, and the exit code is what it says', async () => {
  const running = start(`trap 'echo bye; exit 3' TERM; echo "$$"; for i in $(seq 2000); do sleep 0.05; done`);
  const [, pid] = await running.heard(/(\d+)\n/);
  await start(`kill -TERM ${pid}`).ended;
  expect(await running.ended).toMatchObject({ ended: 'exited', exitCode: 3, output: `${pid}\nbye\n` });
});

test('a handler of EXIT runs at the end', async () => {
  expect(await start("trap 'echo over' EXIT; echo on; exit 4").ended).toMatchObject({
    exitCode: 4,
    output: 'on\nover\n',
  });
});

test('what nohup and setsid let go of outlives the command', async () => {
  const daemon = `${untilThere('daemon')}; touch ${file('daemon-done')}`;
  const command = start(`nohup setsid sh -c '${daemon}' >/dev/null 2>&1 & echo $!`);
  expect(await command.ended).toMatchObject({ ended: 'exited', exitCode: 0 });
  const [, pid] = await command.heard(/(\d+)\n/);
  expect(isRunning(pid)).toBe(true);
  make('daemon');
  await until('what the daemon does last', () => existsSync(file('daemon-done')));
});

test('a command outlives a connection that is lost, which is why its end is not proven', async () => {
  const other = await startSshd();
  const lost = createGuest({ repair: connectTo(other, PATIENT), logger: silent, stopLimits: UNHURRIED });
  const running = start(`echo on; ${untilThere('outlives')}; touch ${file('done')}`, {}, lost);
  await running.heard(/on/);
  other.signal(other.connections(), 'SIGKILL');
  expect(await running.ended).toMatchObject({ ended: 'connection_lost', farSide: 'unproven' });
  expect(existsSync(file('done'))).toBe(false);
  make('outlives');
  await until('what the command does last', () => existsSync(file('done')));
  await lost.close();
  await other.stop();
});
