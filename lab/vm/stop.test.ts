// A command is heard while it runs, and a Stop from a second session ends it: with the wrapper and the stopper of the server.
// What needs real processes (children in the background, one that ignores TERM, one that outlives its client) is shown with a
// real sshd: server/guest/guest.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saysStopped, stopCommand, wrapCommand } from '../../server/guest/far-side.ts';
import { until } from '../../test/support/wait-for.ts';
import { diskFull } from '../scenarios/disk-full.ts';
import { ACCOUNTS, startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
beforeAll(async () => {
  t = await startTestVm(diskFull());
});
afterAll(() => t.close());

const wrapped = (command: string, seconds = 600): string => wrapCommand(command, seconds * 1_000);

test.each([
  ['a loop', 'for i in 1 2; do echo $i; sleep 600; done'],
  ['a loop below the wrapper', wrapped('for i in 1 2; do echo $i; sleep 600; done')],
  ['a loop of root below the wrapper', wrapped('sudo sh -c "echo 1; sleep 600"')],
  ['what a branch prints', 'if true; then echo 1; fi; sleep 600'],
  ['a log that is followed', 'tail -f /etc/hostname; echo 2'],
  ['an error', 'cat /nope/1; sleep 600'],
])('%s is heard while it runs', async (_name, command) => {
  const client = t.open(command);
  await client.heard(/1\n|devvm\n|1: No such file/);
  client.process.kill();
  await client.ended();
});

test.each([
  ['a sleep', 'echo ready; sleep 600'],
  ['a loop that never looks up', 'echo ready; while :; do :; done'],
  ['a command of root', 'echo ready; sudo sleep 600'],
  ['a shell in a shell in a shell', 'bash -c "sh -c \\"echo ready; sleep 600\\""'],
])('%s is ended from a second session and proven gone', async (_name, command) => {
  const client = t.open(wrapped(command));
  const pid = Number((await client.heard(/BREAKGLASS-PID (\d+)\n[\s\S]*ready\n/))[1]);
  const before = await t.ssh(`ps -e -o sess=,args= | grep -w ^${pid}`);
  expect(before.out.trim().split('\n').length).toBeGreaterThan(2);
  const stopped = await t.ssh(stopCommand(pid, true));
  expect(stopped).toMatchObject({ code: 0, err: '' });
  expect(saysStopped(stopped.out)).toBe(true);
  expect(await client.ended()).toMatchObject({ code: 255 });
  expect((await t.ssh(`ps -e -o sess= | grep -cw ${pid}; kill -0 ${pid}`)).out).toBe('0\n');
});

test('the observer stops its own command too', async () => {
  const client = t.open(wrapped('sleep 600'), ACCOUNTS.observer);
  const pid = Number((await client.heard(/BREAKGLASS-PID (\d+)\n/))[1]);
  const stopped = await t.ssh(stopCommand(pid, false), { user: ACCOUNTS.observer });
  expect(saysStopped(stopped.out)).toBe(true);
  expect((await client.ended()).code).not.toBe(0);
});

test('nobody but root ends the command of another', async () => {
  const client = t.open(wrapped('echo ready; sleep 600'));
  const pid = Number((await client.heard(/BREAKGLASS-PID (\d+)\n[\s\S]*ready/))[1]);
  const refused = await t.ssh(`kill -9 ${pid}`, { user: ACCOUNTS.observer });
  expect(refused).toMatchObject({ code: 1, err: `bash: line 1: kill: (${pid}) - Operation not permitted\n` });
  expect((await t.ssh(`sudo kill ${pid}`)).code).toBe(0);
  await client.ended();
});

test('a loop that never looks up holds up no other session, and a time limit ends it', async () => {
  const client = t.open('echo $$ ready; while :; do :; done');
  const [, pid] = await client.heard(/(\d+) ready/);
  expect((await t.ssh('df -h / | wc -l')).out).toBe('2\n');
  expect((await t.ssh(`kill ${pid}`)).code).toBe(0);
  await client.ended();
  expect((await t.ssh('timeout 0.1 bash -c "while :; do :; done"; echo $?')).out).toBe('124\n');
  expect((await t.ssh(wrapped('while :; do :; done', 1))).code).toBe(124);
});

test('ending one program of a script lets the script go on', async () => {
  const client = t.open('sleep 601; echo $?; sleep 602; echo $?');
  const kill = async (line: string): Promise<boolean> => (await t.ssh(line)).code === 0;
  await until('the first sleep', () => kill('kill $(pgrep -f "^sleep 601")'));
  await client.heard(/143\n/);
  await until('the second sleep', () => kill('kill -9 $(pgrep -f "^sleep 602")'));
  expect(await client.ended()).toMatchObject({ code: 0, out: '143\n137\n' });
});

test('exit codes and input reach their ends', async () => {
  expect((await t.ssh(wrapped('exit 7'))).code).toBe(7);
  expect((await t.ssh(wrapped('wc -c'), { input: 'über\nthere\n' })).out).toBe('12\n');
  const tee = await t.ssh(wrapped('sudo tee /root/in >/dev/null; sudo cat /root/in'), { input: 'ü\n' });
  expect(tee).toMatchObject({ code: 0, out: 'ü\n' });
  expect((await t.ssh('bash', { input: 'echo $((6 * 7))\n' })).out).toBe('42\n');
  expect((await t.ssh('kill $$; echo no')).out).toBe('');
});
