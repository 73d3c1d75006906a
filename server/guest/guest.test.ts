// Real OpenSSH on both ends; the "VM" is this machine, as the user who runs the tests.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectTo, PATIENT, silent } from '../../test/support/ssh-parts.ts';
import { type Sshd, startSshd } from '../../test/support/sshd.ts';
import { until } from '../../test/support/wait-for.ts';
import { createGuest, STOP_LIMITS, type StopLimits } from './guest.ts';
import type { Guest, GuestCommand, GuestResult } from './port.ts';

/** Enough for a machine that has eight other things to do. What the deployment's own limits are is claimed by itself. */
const UNHURRIED: StopLimits = { stop: 60_000, awaitPid: 60_000, awaitEnd: 60_000 };

let sshd: Sshd;
let guest: Guest;
let live: string;

const guestOf = (on: Sshd, options: Partial<Parameters<typeof createGuest>[0]> = {}): Guest =>
  createGuest({ repair: connectTo(on, PATIENT), logger: silent, stopLimits: UNHURRIED, ...options });

beforeAll(async () => {
  sshd = await startSshd();
  guest = guestOf(sshd);
});
afterAll(async () => {
  await guest.close();
  await sshd.stop();
});

const run = (
  command: string,
  options: Partial<GuestCommand> = {},
  on: Guest = guest,
): Promise<GuestResult> => {
  live = '';
  return on.run({
    account: 'repair',
    command,
    timeoutMs: 100_000,
    signal: new AbortController().signal,
    onOutput: (_stream, text) => {
      live += text;
    },
    ...options,
  });
};

const ready = (): Promise<boolean> => until('READY from the command', () => live.includes('READY'));

/** Runs it, waits until it printed READY, and aborts. */
async function stopped(command: string, on: Guest = guest): Promise<GuestResult> {
  const stop = new AbortController();
  const running = run(command, { signal: stop.signal }, on);
  await ready();
  stop.abort();
  return running;
}

/** A sleep of some minutes that no other test, here or in another run beside this one, takes for its own. */
const nap = (name: string): string => `sleep 30${name}.${process.pid}`;
const isAlive = (mark: string): boolean =>
  execFileSync('ps', ['-e', '-o', 'stat=', '-o', 'args='], { encoding: 'utf8' })
    .split('\n')
    .some((line) => line.includes(mark) && !line.startsWith('Z') && !line.includes('ps -e'));

test('output of both streams is recorded in order and shown live, with the exit code', async () => {
  const result = await run('echo out; sleep 0.1; echo err >&2; sleep 0.1; echo again; exit 3');
  expect(result).toMatchObject({
    ended: 'exited',
    exitCode: 3,
    output: 'out\nerr\nagain\n',
    truncated: false,
  });
  expect(live).toBe(result.output);
  expect(result.farSide).toBeUndefined();
});

test('quotes, newlines, dollars and options in a command arrive as they are', async () => {
  const nasty = `printf '%s\\n' "it's" '$HOME' "a
b" -- '; exit 9' "\\\\"`;
  expect((await run(nasty)).output).toBe("it's\n$HOME\na\nb\n--\n; exit 9\n\\\n");
  expect((await run('-x', {})).exitCode).not.toBe(0);
});

test('stdin reaches the command byte for byte, and without one it reads nothing', async () => {
  const text = 'äöü\n\tweiß\u{1F600}\n'.repeat(5_000);
  const hash = createHash('sha256').update(text).digest('hex');
  expect((await run('sha256sum', { stdin: text })).output).toBe(`${hash}  -\n`);
  expect(await run('cat; echo end')).toMatchObject({ output: 'end\n' });
});

test('a character that is split over two chunks comes whole', async () => {
  const result = await run(
    `printf '\\360\\237'; sleep 0.2; printf '\\230\\200'; printf '\\303' >&2; sleep 0.2; printf '\\244' >&2`,
  );
  expect(result.output).toBe('\u{1F600}ä');
  expect(live).toBe('\u{1F600}ä');
});

test('recording stops at the cap and says so; the command still runs to its end', async () => {
  const small = guestOf(sshd, { outputCapBytes: 1_001 });
  const result = await run('for i in $(seq 2000); do echo ää; done; exit 5', {}, small);
  await small.close();
  expect(result).toMatchObject({ ended: 'exited', exitCode: 5, truncated: true });
  expect(Buffer.byteLength(result.output)).toBeLessThanOrEqual(1_001);
  expect(result.output).not.toContain('\uFFFD');
});

test('a command with NUL or over 100 KB is refused before anything is sent; 90 KB are carried', async () => {
  await expect(run('echo \0')).rejects.toMatchObject({ code: 'invalid-input' });
  await expect(run(`: ${'x'.repeat(100_001)}`)).rejects.toMatchObject({ code: 'invalid-input' });
  await expect(run(`: ${"'".repeat(60_000)}`)).rejects.toMatchObject({ code: 'invalid-input' });
  expect(await run(`: ${'x'.repeat(90_000)}; echo done`)).toMatchObject({ output: 'done\n' });
});

test('without an observer account a command for it is refused, not run with more power', async () => {
  expect(guest.hasObserver).toBe(false);
  await expect(run('id', { account: 'observer' })).rejects.toMatchObject({ code: 'invalid-input' });
});

test('a stop ends the command in the VM and proves it', async () => {
  expect(await stopped(`echo READY; exec ${nap('1')}`)).toMatchObject({
    ended: 'stopped',
    exitCode: null,
    farSide: 'proven',
    output: 'READY\n',
  });
  expect(isAlive(nap('1'))).toBe(false);
});

test('the limits of a stop are below the 2 s after which a person has an answer', () => {
  expect(STOP_LIMITS.stop + STOP_LIMITS.awaitEnd).toBeLessThan(2_000);
  expect(STOP_LIMITS.awaitPid).toBeLessThan(STOP_LIMITS.stop / 2);
});

test('a stop ends the whole tree: background children, children in sessions of their own, one that ignores TERM', async () => {
  const began = path.join(sshd.dir, 'began');
  const result = await stopped(
    `${nap('2')} & (setsid ${nap('3')} & wait) & bash -c 'trap "" TERM; touch ${began}; ${nap('4')}; ${nap('4')}' &
     until [ -e ${began} ]; do sleep 0.05; done; echo READY; wait`,
  );
  expect(result).toMatchObject({ ended: 'stopped', farSide: 'proven' });
  for (const name of ['2', '3', '4']) expect(isAlive(nap(name))).toBe(false);
});

test('the far side prefers sudo where it works, so that what sudo moved to another session ends too', async () => {
  // A stand-in for sudo with use_pty: its command gets a session of its own.
  const bin = path.join(sshd.dir, 'bin');
  mkdirSync(bin, { recursive: true });
  const log = path.join(sshd.dir, 'sudo.log');
  writeFileSync(
    path.join(bin, 'sudo'),
    `#!/bin/sh\n[ "$1" = -n ] && shift\necho "$1" >>${log}\nexec setsid -w "$@"\n`,
  );
  chmodSync(path.join(bin, 'sudo'), 0o755);
  const other = await startSshd({ config: [`SetEnv SHLVL=2 PATH=${bin}:/usr/bin:/bin`] });
  const withSudo = guestOf(other);
  const result = await stopped(`echo READY; sudo ${nap('5')}`, withSudo);
  await withSudo.close();
  await other.stop();
  expect(result).toMatchObject({ ended: 'stopped', farSide: 'proven' });
  expect(readFileSync(log, 'utf8').split('\n')).toContain('sh');
  expect(isAlive(nap('5'))).toBe(false);
});

test('a stop that cannot be proven ends at its limit and says so', async () => {
  const other = await startSshd();
  const lost = guestOf(other, { stopLimits: STOP_LIMITS });
  const stop = new AbortController();
  const running = run(`echo READY; exec ${nap('6')}`, { signal: stop.signal }, lost);
  await ready();
  // The whole server, or the stopper would find its way by another connection.
  await other.freeze();
  stop.abort();
  expect(await running).toMatchObject({ ended: 'stopped', farSide: 'unproven' });
  await lost.close();
  await other.stop();
});

test('a command stopped before it began is proven not to run', async () => {
  const stop = new AbortController();
  stop.abort();
  const file = path.join(sshd.dir, 'never');
  expect(await run(`touch ${file}`, { signal: stop.signal })).toMatchObject({
    ended: 'stopped',
    farSide: 'proven',
  });
  expect(existsSync(file)).toBe(false);
});

test('a time limit ends the command in the VM, even one that ignores TERM', async () => {
  // Long enough for the command to begin.
  const timeoutMs = 4_000;
  const [polite, stubborn] = await Promise.all([
    run(`echo begun; ${nap('7')}`, { timeoutMs }),
    run(`trap '' TERM; ${nap('7')}; ${nap('7')}`, { timeoutMs }),
  ]);
  expect(polite).toMatchObject({ ended: 'timed_out', exitCode: null, farSide: 'proven', output: 'begun\n' });
  expect(stubborn).toMatchObject({ ended: 'timed_out', farSide: 'proven' });
  expect(isAlive(nap('7'))).toBe(false);
});

test("a command's own exit code 124 or 255 is its own", async () => {
  expect(await run('exit 124')).toMatchObject({ ended: 'exited', exitCode: 124 });
  expect(await run('exit 255')).toMatchObject({ ended: 'exited', exitCode: 255 });
});

test('a lost connection is told apart from one that never existed', async () => {
  const other = await startSshd();
  const lost = guestOf(other);
  const running = run('echo READY; sleep 30', {}, lost);
  await ready();
  other.signal(other.connections(), 'SIGKILL');
  expect(await running).toMatchObject({ ended: 'connection_lost', farSide: 'unproven', exitCode: null });
  // Its keys stay: without ours nothing would be tried.
  await other.stop(true);
  const never = await run('true', {}, lost);
  expect(never).toMatchObject({ ended: 'unreachable', exitCode: null });
  expect(never.detail).toContain('refused the connection');
  await lost.close();
  rmSync(other.dir, { recursive: true, force: true });
});

test('wrapper and stopper are plain POSIX: they work with dash and with bash as sh, and as login shell', async () => {
  const { quote, stopCommand, wrapCommand } = await import('./far-side.ts');
  for (const shell of ['dash', 'bash']) {
    const wrapped = wrapCommand(`echo "it's"; exit 4`, 5_000).replace(/^sh /, `${shell} `);
    expect(await run(`${shell} -c ${quote(wrapped)} 2>/dev/null`)).toMatchObject({
      output: "it's\n",
      exitCode: 4,
    });
    const stopper = stopCommand(2_000_000_000, false).replace(/^sh /, `${shell} `);
    expect(await run(`${shell} -c ${quote(stopper)}`)).toMatchObject({
      output: 'BREAKGLASS-STOPPED\n',
      exitCode: 0,
    });
  }
});

test('a probe answers beside a running command, is shared by all who ask, and leaves no process', async () => {
  const stop = new AbortController();
  const running = run(`echo READY; ${nap('8')}`, { signal: stop.signal });
  await ready();
  const [one, two] = await Promise.all([guest.probe(60_000), guest.probe(60_000)]);
  expect(one).toBe(two);
  expect(one.answers).toBe(true);
  stop.abort();
  await running;
});

test('a probe of a server that hangs gives up at its limit', async () => {
  const other = await startSshd();
  const hung = guestOf(other);
  await other.freeze();
  const probe = await hung.probe(1_500);
  expect(probe.answers).toBe(false);
  expect(probe.detail).not.toBe('');
  await hung.close();
  await other.stop();
});
