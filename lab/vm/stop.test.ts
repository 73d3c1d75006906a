// Streaming, stopping from a second session, and loops that never end.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saysStopped, stopCommand, wrapCommand } from '../../server/guest/far-side.ts';
import { diskFull } from '../scenarios/disk-full.ts';
import { startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
beforeAll(async () => {
  t = await startTestVm(diskFull());
});
afterAll(() => t.close());

const wrapped = (command: string, seconds = 60): string => wrapCommand(command, seconds * 1_000);

/** What a client says, with the time of each piece. */
const listen = (command: string) => {
  const client = t.open(command);
  const pieces: { text: string; atMs: number }[] = [];
  let errors = '';
  client.stdout.on('data', (data: Buffer) => pieces.push({ text: data.toString(), atMs: Date.now() }));
  client.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const closed = new Promise<number | null>((resolve) => client.once('close', resolve));
  return {
    client,
    pieces,
    closed,
    errors: () => errors,
    text: () => pieces.map(({ text }) => text).join(''),
  };
};

const pidOf = async (heard: { errors: () => string }): Promise<number> => {
  await expect.poll(heard.errors, { timeout: 10_000 }).toMatch(/BREAKGLASS-PID \d+\n/);
  return Number(/BREAKGLASS-PID (\d+)/.exec(heard.errors())?.[1]);
};

test.each([
  ['a loop', 'for i in 1 2 3; do echo $i; sleep 0.4; done', '1\n'],
  ['a program', 'ping -c 3 -i 0.4 127.0.0.1', 'PING'],
  ['a loop below the wrapper', wrapped('for i in 1 2 3; do echo $i; sleep 0.4; done'), '1\n'],
  ['a loop under sudo', 'sudo sh -c "for i in 1 2 3; do echo \\$i; sleep 0.4; done"', '1\n'],
])('%s is heard while it runs', async (_name, command, first) => {
  const heard = listen(command);
  expect(await heard.closed).toBe(0);
  expect(heard.pieces.length).toBeGreaterThan(2);
  expect(heard.pieces[0]?.text.startsWith(first)).toBe(true);
  expect((heard.pieces.at(-1)?.atMs ?? 0) - (heard.pieces[0]?.atMs ?? 0)).toBeGreaterThan(500);
});

test('tail -f shows what another session appends', async () => {
  await t.ssh('sudo touch /root/log');
  const heard = listen('sudo tail -f /root/log');
  await expect
    .poll(
      async () => {
        await t.ssh('echo line | sudo tee -a /root/log');
        return heard.text();
      },
      { timeout: 10_000 },
    )
    .toContain('line\n');
  await t.ssh('sudo pkill tail');
  expect(await heard.closed).not.toBe(0);
});

test.each([
  ['a sleep', 'sleep 300'],
  ['an endless loop', 'while :; do :; done'],
  ['a command of root', 'sudo sleep 300'],
  [
    'children in the background',
    'sleep 301 & (setsid sleep 302 & wait) & bash -c "sleep 303; sleep 304" & wait',
  ],
  ['a shell that ignores TERM', 'trap "" TERM; while :; do sleep 1; done'],
])('%s is killed from a second session and proven gone', async (_name, command) => {
  const heard = listen(wrapped(command));
  const pid = await pidOf(heard);
  await expect
    .poll(async () => (await t.ssh(`ps -o pid= -s ${pid} | wc -l`)).out.trim(), { timeout: 10_000 })
    .not.toBe('0');
  const before = (await t.ssh(`ps -e -o pid=,sess=,args= | awk '$2 == ${pid}'`)).out;
  expect(before).toContain('bash -c');
  const stopped = await t.ssh(stopCommand(pid, true));
  expect(stopped.err).toBe('');
  expect(saysStopped(stopped.out)).toBe(true);
  expect((await t.ssh(`ps -e -o sess= | grep -cw ${pid}`)).out).toBe('0\n');
  expect(await heard.closed).not.toBe(0);
  expect((await t.ssh(`kill -0 ${pid}`)).err).toContain('No such process');
});

test('a command of root needs root to be stopped', async () => {
  const heard = listen(wrapped('sudo sleep 300'));
  const pid = await pidOf(heard);
  await expect
    .poll(async () => (await t.ssh('pgrep -x sleep | wc -l')).out.trim(), { timeout: 10_000 })
    .toBe('1');
  const refused = await t.ssh('kill -TERM $(pgrep -x sleep)');
  expect(refused.err).toContain('Operation not permitted');
  expect(
    (await t.ssh(`sudo -n sh -c 'kill -KILL $(pgrep -s ${pid})'; pgrep -s ${pid} | wc -l`)).out.trim(),
  ).toBe('0');
  expect(await heard.closed).not.toBe(0);
});

test('a command outlives the client that started it', async () => {
  const heard = listen(wrapped('sleep 300'));
  const pid = await pidOf(heard);
  heard.client.kill('SIGKILL');
  await heard.closed;
  expect((await t.ssh(`sleep 0.3; kill -0 ${pid} && echo alive`)).out).toBe('alive\n');
  await t.ssh(`kill -KILL $(pgrep -s ${pid})`);
});

test('an endless loop does not hold up a second session', async () => {
  const heard = listen(wrapped('while :; do :; done'));
  const pid = await pidOf(heard);
  expect((await t.ssh('echo here; df -h / | wc -l')).out).toBe('here\n2\n');
  await t.ssh(`kill -KILL $(pgrep -s ${pid})`);
  await heard.closed;
});

test('a time limit ends a loop that never looks up', async () => {
  expect(await t.ssh('timeout -k 1 1 bash -c "while :; do :; done"; echo $?')).toMatchObject({
    out: '124\n',
  });
});

test('a process in the background has a pid, runs on and can be waited for', async () => {
  expect((await t.ssh('sleep 0.5 & p=$!; kill -0 $p && echo runs; wait $p; echo $?')).out).toBe('runs\n0\n');
  expect(
    (
      await t.ssh(
        'sleep 60 & p=$!; kill -TERM $p; wait $p; echo $?; sleep 0.2 & wait; pgrep -x sleep | wc -l',
      )
    ).out,
  ).toMatch(/^143\n0\n$/);
  const detached = await t.ssh('nohup setsid sleep 60 >/dev/null 2>&1 & echo $!');
  expect(detached.code).toBe(0);
  expect((await t.ssh('pgrep -x sleep | wc -l')).out.trim()).toBe('1');
  await t.ssh('pkill -x sleep');
});

test('the exit code and stdin reach their ends', async () => {
  expect((await t.ssh(wrapped('exit 7'))).code).toBe(7);
  expect(await t.ssh(wrapped('cat; wc -c'), { input: 'over\nthere\n' })).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^over\nthere\n/),
  });
  expect((await t.ssh('sudo tee /root/in >/dev/null; sudo cat /root/in', { input: 'héllo\n' })).out).toBe(
    'héllo\n',
  );
  expect((await t.ssh('kill -TERM $$; echo no')).out).toBe('');
});
