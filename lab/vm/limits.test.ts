// What the two accounts may do, and that nothing of a command reaches the computer that runs the lab.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diskFull } from '../scenarios/disk-full.ts';
import { hostArguments } from './shell/pool.ts';
import { ACCOUNTS, startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
const observer = { user: ACCOUNTS.observer };
beforeAll(async () => {
  process.env['BREAKGLASS_TEST_SECRET'] = 'do-not-show-this';
  t = await startTestVm(diskFull());
});
afterAll(async () => {
  delete process.env['BREAKGLASS_TEST_SECRET'];
  await t.close();
});

describe('the observer', () => {
  test('reads logs, processes, disks and the journal', async () => {
    expect((await t.ssh('id', observer)).out).toContain('uid=1001(breakglass-observer)');
    expect((await t.ssh('journalctl -u orders-api -n 1 --no-pager', observer)).out).toContain('orders-api');
    expect(
      (
        await t.ssh(
          'df -h /; ps aux | head -2; systemctl status orders-api; tail -1 /var/log/syslog',
          observer,
        )
      ).err,
    ).toBe('');
    expect((await t.ssh('sudo -n du -xh --max-depth=1 / | sort -rh | head -1', observer)).out).toMatch(
      /37G\s+\//,
    );
    expect((await t.ssh('sudo -n dmesg | head -1', observer)).out).toContain('Linux version');
    expect((await t.ssh('sudo -n ss -ltnp', observer)).out).toContain('users:(("sshd"');
  });

  test.each([
    ['sudo -n systemctl restart orders-api'],
    ['sudo -n rm /var/log/orders-api/debug.log'],
    ['sudo -n sh -c id'],
    ['sudo -n du --files0-from=/etc/shadow'],
    ['sudo -n dmesg -C'],
    ['sudo -n ss -K'],
    ['sudo -n cat /etc/shadow'],
    ['sudo -n -u postgres id'],
    ['sudo -n PATH=/tmp du /'],
  ])('%s needs a password', async (command) => {
    expect(await t.ssh(command, observer)).toMatchObject({
      code: 1,
      out: '',
      err: 'sudo: a password is required\n',
    });
  });

  test.each([
    ['touch /var/log/x', 'Permission denied'],
    ['rm -f /var/log/orders-api/debug.log', 'Permission denied'],
    ['echo x > /etc/hostname', 'bash: line 1: /etc/hostname: Permission denied\n'],
    [': > /var/log/orders-api/debug.log', 'Permission denied'],
    ['cat /etc/shadow', 'cat: /etc/shadow: Permission denied\n'],
    ['ls /root', "ls: cannot open directory '/root': Permission denied\n"],
    ['cat /proc/1/environ', 'Permission denied'],
    ['chmod 777 /etc/passwd', 'Operation not permitted'],
    ['kill 1', 'Operation not permitted'],
    ['systemctl restart orders-api', 'Interactive authentication required'],
    ['mkdir /opt/x', 'Permission denied'],
    ['sed -i s/a/b/ /etc/passwd', 'denied'],
  ])('%s is refused', async (command, words) => {
    const answer = await t.ssh(command, observer);
    expect(answer.code).not.toBe(0);
    expect(answer.err).toContain(words);
  });
});

test('repair without sudo is an ordinary user', async () => {
  expect((await t.ssh('cat /etc/shadow')).err).toContain('Permission denied');
  expect((await t.ssh('sudo -n cat /etc/shadow')).code).toBe(0);
  expect((await t.ssh('sudo id -u; sudo -u postgres whoami')).out).toBe('0\npostgres\n');
  expect((await t.ssh('echo $HOME; sudo printenv HOME')).out).toBe('/home/breakglass\n/root\n');
});

test('words of bash: an unknown command, an unknown option, a bad script', async () => {
  expect(await t.ssh('foo')).toMatchObject({ code: 127, err: 'bash: line 1: foo: command not found\n' });
  expect(await t.ssh('echo a\nfoo -x; echo $?')).toMatchObject({
    out: 'a\n127\n',
    err: 'bash: line 2: foo: command not found\n',
  });
  expect(await t.ssh("sh -c 'foo; echo $?'")).toMatchObject({ out: '127\n', err: 'sh: 1: foo: not found\n' });
  expect((await t.ssh('if then')).code).toBe(2);
  expect((await t.ssh('sudo foo')).err).toBe('sudo: foo: command not found\n');
});

test('only the key and only the two accounts enter; no forwarding, no shell', async () => {
  expect((await t.ssh('id', { user: 'root' })).code).toBe(255);
  expect((await t.ssh('id', { user: 'postgres' })).code).toBe(255);
  const args = t.args('id');
  const without = await execa(
    'ssh',
    [...args.filter((arg) => !arg.includes('breakglass-vm')), '-i', '/dev/null'],
    { reject: false, stdin: 'ignore' },
  );
  expect(without.exitCode).not.toBe(0);
  const shell = await execa('ssh', args.slice(0, -2), { reject: false, stdin: 'ignore' });
  expect(shell).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('runs commands only') });
  const forward = await execa('ssh', ['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', ...args], {
    reject: false,
    stdin: 'ignore',
  });
  expect(forward.exitCode).not.toBe(0);
});

describe('nothing runs on the computer of the lab', () => {
  test('a file made there is not here', async () => {
    const name = `x-${randomUUID()}`;
    expect(
      (await t.ssh(`touch /tmp/${name}; sudo touch /var/tmp/${name} /${name}; ls /tmp/${name}`)).code,
    ).toBe(0);
    for (const path of [`/tmp/${name}`, `/var/tmp/${name}`, `/${name}`]) expect(existsSync(path)).toBe(false);
  });

  test('its files, environment, processes and name are not there', async () => {
    expect((await t.ssh('cat /etc/hostname; hostname')).out).toBe('devvm\ndevvm\n');
    expect((await t.ssh('uname -n')).out).toBe('devvm\n');
    const { out, err } = await t.ssh(
      'env; export -p; set; cat /proc/self/environ; sudo cat /proc/1/environ; ps -ef; sudo env; ls -la / /tmp /home',
    );
    expect(out + err).not.toContain('do-not-show-this');
    expect(out + err).not.toContain(process.cwd());
    expect(out + err).not.toContain('node_modules');
    expect((await t.ssh(`sudo ls ${process.cwd()}`)).code).not.toBe(0);
    expect((await t.ssh(`sudo cat ${process.cwd()}/package.json`)).err).toContain(
      'No such file or directory',
    );
  });

  test.each([
    ['node -e 1'],
    ['python3 -c 1'],
    ['perl -e 1'],
    ['js-exec 1'],
    ['sqlite3 x'],
    ['curl http://127.0.0.1'],
    ['wget x'],
    ['ssh localhost'],
    ['nc -l 1'],
    ['docker ps'],
    ['qm list'],
  ])('%s is not there', async (command) => {
    expect(await t.ssh(command)).toMatchObject({
      code: 127,
      err: expect.stringContaining('command not found'),
    });
  });

  test.each([
    ['cat ../../../../../../../../etc/hostname', 'devvm\n'],
    ['cd /proc/self/cwd 2>/dev/null; pwd', '/home/breakglass\n'],
    ['ln -s / /tmp/root && cat /tmp/root/etc/hostname', 'devvm\n'],
    ['cat "/.open/cat/1//etc/hostname" "/dev/.in" 2>/dev/null; echo $?', '1\n'],
    ['cat /proc/mounts | grep -c overlay', '0\n'],
    ["x='constructor'; echo $x __proto__; __proto__=1; echo $__proto__", 'constructor __proto__\n1\n'],
  ])('%s leads nowhere else', async (command, expected) => {
    expect((await t.ssh(command)).out).toBe(expected);
  });

  test.each([
    ['x=aaaaaaaaaaaaaaaa; while :; do x="$x$x$x$x"; done'],
    ['x=$(seq 1 200000); i=0; while :; do i=$((i+1)); a[$i]="$x$i"; done'],
  ])('%s dies alone', async (command) => {
    expect((await t.ssh(command, { timeoutMs: 60_000 })).code).not.toBe(0);
    expect((await t.ssh('echo here')).out).toBe('here\n');
  });

  test('the process of the shells may read, write and start nothing of this computer', async () => {
    const script = `
      const tries = [() => require('node:fs').readFileSync('/etc/passwd'), () => require('node:fs').writeFileSync('/tmp/x', ''), () => require('node:child_process').execSync('id')];
      process.exit(tries.filter((attempt) => { try { attempt(); return true; } catch { return false; } }).length);`;
    const { exitCode } = await execa(process.execPath, [...hostArguments(), '-e', script], { reject: false });
    expect(exitCode).toBe(0);
  });
});
