// What the two accounts may do, and that nothing of a command reaches the computer that runs the lab.
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSshd } from '../../test/support/sshd.ts';
import { diskFull } from '../scenarios/disk-full.ts';
import { shellArguments } from './shell/pool.ts';
import { ACCOUNTS, runClient, startTestVm, type TestVm } from './test-vm.ts';

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
  test.each([
    ['id', /uid=1001\(breakglass-observer\)/],
    ['journalctl -u orders-api -n 1 --no-pager', /orders-api/],
    ['tail -1 /var/log/syslog', /devvm/],
    ['sudo -n du -xh --max-depth=1 / | sort -rh | head -1', /^37G\s+\/\n$/],
    ['sudo -n dmesg | head -1', /Linux version/],
    ['sudo -n ss -ltnp', /users:\(\("sshd"/],
  ])('reads: %s', async (command, words) => {
    expect(await t.ssh(command, observer)).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(words),
    });
  });

  test.each([
    'systemctl restart orders-api',
    'rm /var/log/orders-api/debug.log',
    'sh -c id',
    'du --files0-from=/etc/shadow',
    'dmesg -C',
    'cat /etc/shadow',
    '-u postgres id',
    'PATH=/tmp du /',
  ])('sudo -n %s needs a password', async (command) => {
    const refused = { code: 1, out: '', err: 'sudo: a password is required\n' };
    expect(await t.ssh(`sudo -n ${command}`, observer)).toEqual(refused);
  });

  test.each([
    ['touch /var/log/x', "touch: cannot touch '/var/log/x': Permission denied\n"],
    [
      'rm -f /var/log/orders-api/debug.log; ls /var/log/orders-api/debug.log >&2',
      '/var/log/orders-api/debug.log\n',
    ],
    ['echo x > /etc/hostname', 'bash: line 1: /etc/hostname: Permission denied\n'],
    ['echo a\necho x >> /etc/hostname', 'bash: line 2: /etc/hostname: Permission denied\n'],
    ['cat /etc/shadow', 'cat: /etc/shadow: Permission denied\n'],
    ['ls /root', "ls: cannot open directory '/root': Permission denied\n"],
    ['chmod 777 /etc/passwd', "chmod: cannot access '/etc/passwd': Operation not permitted\n"],
    ['kill 1', 'bash: line 1: kill: (1) - Operation not permitted\n'],
    ['mkdir /opt/x', "mkdir: cannot create directory '/opt/x': Permission denied\n"],
    ['find /root -name x', "find: '/root': Permission denied\n"],
    ['du -s /root >/dev/null', "du: cannot read directory '/root': Permission denied\n"],
    ['sed -i s/a/b/ /etc/passwd', 'sed: /etc/passwd: Permission denied\n'],
  ])('is refused, in the words of Linux: %s', async (command, words) => {
    expect((await t.ssh(command, observer)).err).toBe(words);
  });
  test('changes no unit', async () => {
    const refused = await t.ssh('systemctl restart orders-api', observer);
    expect(refused).toMatchObject({
      code: 4,
      err: expect.stringContaining('Interactive authentication required'),
    });
  });
});

test('repair without sudo is an ordinary user, and with it anybody', async () => {
  expect((await t.ssh('cat /etc/shadow')).err).toContain('Permission denied');
  expect((await t.ssh('sudo -n cat /etc/shadow')).code).toBe(0);
  expect((await t.ssh('sudo id -u; sudo -u postgres whoami; whoami')).out).toBe('0\npostgres\nbreakglass\n');
  expect((await t.ssh('sudo sh -c "echo \\$HOME"; echo $HOME')).out).toBe('/root\n/home/breakglass\n');
  expect((await t.ssh('sudo cat /etc/shadow > /root/x; echo $?')).out).toBe('1\n');
});

test('what is not there is said in the words of a real bash behind a real sshd', async () => {
  const real = await startSshd();
  const options =
    '-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'.split(' ');
  const to = [...options, '-i', real.keyPath, '-p', String(real.port), `${real.user}@127.0.0.1`, '--'];
  const commands = [
    'nosuch -x',
    'true\nnosuch',
    './nosuch',
    'x=$(nosuch); echo "$x"',
    'nosuch 2>&1 | cat',
    'if nosuch; then echo a; else echo b; fi',
    'sh -c nosuch',
    'sh /no/such.sh',
    'timeout 5 nosuch',
    'env A=1 nosuch',
    'echo a | xargs nosuch',
    'find /etc/hostname -exec nosuch {} \\;',
    'cat /no/such',
    'head /no/such',
    'echo x > /no/such',
    'cat /no/such 2>&1 | cat',
    'head /no/such 2>&1 | cat',
    'x=$(head /no/such 2>&1); echo "$x"',
    '{ echo x > /no/such; } 2>&1 | cat',
  ];
  for (const command of commands)
    expect(await t.ssh(command)).toEqual(await runClient([...to, command]).ended());
  await real.stop();
});

test('an option that a program does not have here is refused, and --help lists those it has', async () => {
  expect(await t.ssh('ls -Z /etc')).toEqual({
    code: 2,
    out: '',
    err: "ls: invalid option -- 'Z'\nTry 'ls --help' for more information.\n",
  });
  expect((await t.ssh('journalctl --verify')).err).toMatch(/^journalctl: unrecognized option '--verify'\n/);
  expect(await t.ssh('pgrep "("')).toMatchObject({ code: 2, err: 'pgrep: invalid regular expression\n' });
  expect((await t.ssh('df --help')).out).toMatch(/^Usage: df \[-\w.*\[--human-readable\]/);
});

test.each('node python3 perl curl wget nc ssh docker jq rg sqlite3 js-exec qm vim top'.split(' '))(
  '%s is not there',
  async (name) => {
    expect(await t.ssh(`${name} x`)).toEqual({
      code: 127,
      out: '',
      err: `bash: line 1: ${name}: command not found\n`,
    });
  },
);

test('only the key and only the two accounts enter; no forwarding, no shell', async () => {
  expect((await t.ssh('id', { user: 'root' })).code).toBe(255);
  expect((await t.ssh('id', { user: 'postgres' })).code).toBe(255);
  const to = [...t.options, '-l', ACCOUNTS.repair, '127.0.0.1'];
  const strange = to.map((each) => (each.endsWith('/id') ? '/dev/null' : each));
  expect((await runClient([...strange, 'id']).ended()).code).toBe(255);
  expect(await runClient(to).ended()).toMatchObject({
    code: 1,
    err: expect.stringContaining('runs commands only'),
  });
  const forward = ['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', ...to, 'id'];
  expect((await runClient(forward).ended()).code).toBe(255);
});

describe('nothing runs on the computer of the lab', () => {
  test('a file made there is not here', async () => {
    const name = `x-${randomUUID()}`;
    const paths = [`/tmp/${name}`, `/var/tmp/${name}`, `/${name}`];
    expect((await t.ssh(`sudo touch ${paths.join(' ')}; ls ${paths.join(' ')}`)).code).toBe(0);
    for (const path of paths) expect(existsSync(path)).toBe(false);
  });

  test('its files, environment and processes are not there', async () => {
    const { out, err } = await t.ssh(
      'env; export -p; set; ps -ef; sudo env; ls -la / /tmp /home; cat /proc/*',
    );
    for (const secret of ['do-not-show-this', process.cwd(), 'node_modules'])
      expect(out + err).not.toContain(secret);
    expect((await t.ssh(`sudo cat ${process.cwd()}/package.json`)).err).toContain(
      'No such file or directory',
    );
    expect(
      (await t.ssh('cat ../../../../../../etc/hostname; ln -s / /tmp/r && cat /tmp/r/etc/hostname')).out,
    ).toBe('devvm\ndevvm\n');
  });

  test('a command that eats all memory dies alone', async () => {
    const eater = await t.ssh('x=aaaaaaaaaaaaaaaa; while :; do x="$x$x$x$x"; done');
    expect(eater.code).not.toBe(0);
    expect((await t.ssh('echo here')).out).toBe('here\n');
  });

  test('the process of a shell may read, write and start nothing of this computer', async () => {
    const script = `
      const tries = [() => require('node:fs').readFileSync('/etc/passwd'), () => require('node:fs').writeFileSync('/tmp/x', ''), () => require('node:child_process').execSync('id')];
      process.exit(tries.filter((attempt) => { try { attempt(); return true; } catch { return false; } }).length);`;
    const { exitCode } = await execa(process.execPath, [...shellArguments(), '-e', script], {
      reject: false,
    });
    expect(exitCode).toBe(0);
  });
});
