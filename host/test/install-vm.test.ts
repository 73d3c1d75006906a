// The VM's installer on a private machine with a real sshd, sudo and useradd: what each of the two accounts can and cannot do.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import {
  listing,
  type PrivateMachine,
  startPrivateMachine,
  whyNoPrivateMachine,
} from './support/private-machine.ts';

const reason = whyNoPrivateMachine();

const TOUCHED = listing('/etc', '/home', '/root');
let machine: PrivateMachine;
let untouched = '';
const standard = () => ['--key', `${machine.key}.pub`, '--from', '127.0.0.1'];
const list = async () => (await machine.inside(TOUCHED)).stdout;
const differences = async (then: string) => {
  const [a, b] = [new Set(then.split('\n')), new Set((await list()).split('\n'))];
  return [...[...a].filter((line) => !b.has(line)), ...[...b].filter((line) => !a.has(line))];
};
const observer = (command: string, extra?: readonly string[]) =>
  machine.ssh('breakglass-observer', command, extra);
const repair = (command: string, extra?: readonly string[]) => machine.ssh('breakglass', command, extra);

describe.skipIf(reason !== undefined)(`the installer for the VM${skippedBecause(reason)}`, () => {
  beforeAll(async () => {
    machine = await startPrivateMachine();
    untouched = await list();
  });
  afterAll(() => machine.close());

  test.each([
    ['no key', []],
    ['one name for both accounts', ['--key', '@', '--observer-user', 'breakglass']],
    ['a name with a blank', ['--key', '@', '--repair-user', 'a b']],
    ['a network that is none', ['--key', '@', '--from', '10.0.0']],
    ['an option of the other installer', ['--vmid', '102']],
  ])('%s is refused with exit 2, and nothing changes', async (_name, args) => {
    const answer = await machine.install(
      'install-vm',
      ...args.map((word) => (word === '@' ? `${machine.key}.pub` : word)),
    );
    expect(answer.exitCode).toBe(2);
    expect(answer.stderr).toContain('Nothing was changed.');
    expect(await differences(untouched)).toEqual([]);
  });

  test('a dry run changes nothing and shows the accounts and the lines', async () => {
    const answer = await machine.install('install-vm', ...standard(), '--dry-run');
    expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
    expect(answer.stdout).toContain('+ account breakglass-observer');
    expect(answer.stdout).toContain('    + breakglass ALL=(ALL:ALL) NOPASSWD: ALL');
    expect(await differences(untouched)).toEqual([]);
  });

  describe('installed', () => {
    beforeAll(async () => {
      const answer = await machine.install('install-vm', ...standard());
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
    });

    test('a second run changes nothing', async () => {
      const before = await list();
      expect((await machine.install('install-vm', ...standard())).stdout).toMatch(/^Nothing to change/);
      expect(await differences(before)).toEqual([]);
    });

    test('repair is root whenever it likes, and may have a terminal', async () => {
      expect((await repair('sudo -n id -u')).stdout).toBe('0');
      expect((await repair('tty', ['-tt'])).stdout).toContain('/dev/');
    });

    test('the observer reads logs through its groups, and is not root', async () => {
      expect((await observer('id -nG')).stdout.split(' ').sort()).toEqual([
        'adm',
        'breakglass-observer',
        'systemd-journal',
      ]);
      expect((await observer('cat /etc/shadow')).exitCode).not.toBe(0);
      await machine.inside('install -m 640 -g adm /dev/null /var/log/x; echo seen >/var/log/x');
      expect((await observer('cat /var/log/x')).stdout).toBe('seen');
    });

    test.each([
      'sudo -n du -xka --max-depth=1 /root',
      'sudo -n du -sk --one-file-system /var/log/',
      'sudo -n sshd -t',
      'sudo -n lsof -nP +L1',
      'sudo -n ss -tulnp',
      'sudo -n dmesg -T',
      'sudo -n dmesg --level=err',
    ])('the observer may run %s', async (command) => {
      const answer = await observer(command);
      // Whether the kernel here lets dmesg read is the machine's; that sudo ran it is what is claimed.
      expect(answer.stderr).not.toMatch(/password is required|not allowed/);
    });

    test.each([
      'sudo -n id',
      'sudo -n sh -c id',
      'sudo -n du',
      'sudo -n du --files0-from=/etc/shadow',
      'sudo -n du -X /etc/shadow /',
      'sudo -n du -xka --max-depth=1 /root --files0-from=/etc/shadow',
      'sudo -n du -k "/root --files0-from=/etc/shadow"',
      "sudo -n du -k $'/root\\n--files0-from=/etc/shadow'",
      'sudo -n du -k relative',
      'sudo -n dmesg -c',
      'sudo -n dmesg -C',
      'sudo -n dmesg -H',
      'sudo -n dmesg -F /etc/shadow',
      'sudo -n dmesg --clear',
      'sudo -n dmesg -n 1',
      'sudo -n ss -K',
      'sudo -n ss -D /tmp/x',
      'sudo -n ss -F /etc/shadow',
      'sudo -n ss -tanpK',
      'sudo -n lsof -D b/tmp/x',
      'sudo -n lsof -o1 +m /tmp/x',
      'sudo -n smartctl -a -s off /dev/sda',
      'sudo -n smartctl -t long /dev/sda',
      'sudo -n smartctl -a /dev/sda /dev/sdb',
      'sudo -n smartctl -a /dev/../etc/shadow',
      'sudo -n sshd -t -f /etc/shadow',
      'sudo -n sshd',
      'sudo -n -u breakglass id',
      'sudo -n LD_PRELOAD=/tmp/x.so dmesg',
      'sudo -n -E PAGER=sh dmesg -T',
      'sudo -n cat /etc/shadow',
      'sudo -n journalctl',
      'sudo -n systemctl restart ssh',
      'sudo -n -e /etc/hosts',
      'sudo -n -s',
      'sudo -n -i',
    ])('the observer may not run %s', async (command) => {
      const answer = await observer(`${command} </dev/null`);
      expect(answer.exitCode).not.toBe(0);
      expect(answer.stderr).toMatch(/password is required|not allowed|allowed to (set|preserve)/);
    });

    test('the observer gets no terminal, nobody gets a forwarding', async () => {
      expect((await observer('true', ['-tt'])).stderr).toContain('PTY allocation request failed');
      for (const as of [observer, repair]) {
        const answer = await as('true', ['-R', '0:127.0.0.1:22', '-o', 'ExitOnForwardFailure=yes']);
        expect(answer.stderr).toContain('remote port forwarding failed');
        expect((await as('env', ['-A'])).stdout).not.toContain('SSH_AUTH_SOCK');
      }
    });

    test('limits hold the observer: processes, memory, time and file size', async () => {
      expect((await observer('ulimit -Hu; ulimit -Hv; ulimit -Ht; ulimit -Hf')).stdout).toBe(
        '100\n1048576\n300\n65536',
      );
      expect((await repair('ulimit -Hv')).stdout).toBe('unlimited');
    });

    test('neither account can change its own keys or the files that make it', async () => {
      for (const account of ['breakglass', 'breakglass-observer']) {
        const answer = await machine.inside(
          `cd / && runuser -u ${account} -- find /etc -writable ! -type l 2>/dev/null`,
        );
        expect(answer.stdout).toBe('');
      }
    });

    test('an account that was there before is used as it is and stays', async () => {
      await machine.install('install-vm', '--uninstall');
      await machine.inside('useradd -m -s /bin/bash breakglass');
      const answer = await machine.install('install-vm', ...standard());
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      expect(answer.stdout).toContain('The account breakglass was there already');
      expect((await repair('sudo -n id -u')).stdout).toBe('0');
      await machine.install('install-vm', '--uninstall');
      expect((await machine.inside('id breakglass')).exitCode).toBe(0);
      await machine.inside('userdel -r breakglass');
    });
  });

  test('a failure in the middle takes the accounts back too', async () => {
    const before = await list();
    await machine.inside('sed -i /^Include/d /etc/ssh/sshd_config');
    const answer = await machine.install('install-vm', ...standard());
    await machine.inside("sed -i '1iInclude /etc/ssh/sshd_config.d/*.conf' /etc/ssh/sshd_config");
    expect(answer.exitCode).toBe(1);
    expect(answer.stderr).toContain('everything that was written has been taken back');
    expect(await differences(before)).toEqual([]);
  });

  test('with a sudo that takes no patterns the list is shorter, and holds', async () => {
    await machine.inside(
      "printf '#!/bin/bash\\necho Sudo version 1.9.5p2\\n' >/usr/sbin/sudo; chmod 755 /usr/sbin/sudo",
    );
    const answer = await machine.install('install-vm', ...standard());
    await machine.inside('rm /usr/sbin/sudo');
    expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
    expect((await observer('sudo -n du -xka --max-depth=1 /root')).exitCode).toBe(0);
    for (const command of [
      'du -xka --max-depth=1 /etc',
      'du -xka --max-depth=1 /root /etc',
      'dmesg -c',
      'ss -K',
      'id',
    ])
      expect((await observer(`sudo -n ${command}`)).stderr).toContain('password is required');
  });

  test('uninstall restores everything', async () => {
    expect((await machine.install('install-vm', ...standard())).exitCode).toBe(0);
    const answer = await machine.install('install-vm', '--uninstall');
    expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
    expect(await differences(untouched)).toEqual([]);
    expect((await repair('true')).exitCode).toBe(255);
  });
});
