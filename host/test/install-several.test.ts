// Several VMs on one power host: the account that logged in decides which, whatever anybody sends. A private machine with the
// real installer, sshd and sudo.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import { eventually } from '../../test/support/wait-for.ts';
import {
  HOST,
  listing,
  type PrivateMachine,
  startPrivateMachine,
  whyNoPrivateMachine,
} from './support/private-machine.ts';

const reason = whyNoPrivateMachine();

const TOUCHED = listing('/etc', '/usr/local/lib', '/home', '/root', '/run/sshd');
const PVE = '/usr/local/lib/breakglass/breakglass-pve';
const ROOT_KEYS = '/root/.ssh/authorized_keys';

let machine: PrivateMachine;
let otherKey: string;
let untouched: string;

const list = async () => (await machine.inside(TOUCHED)).stdout;
const paths = async () => (await list()).split('\n').map((line) => line.split(' ')[0] ?? '');
const install = async (vmid: number, user: string, key: string, ...more: readonly string[]) =>
  machine.install(
    'install',
    '--vmid',
    String(vmid),
    '--user',
    user,
    '--key',
    `${key}.pub`,
    '--from',
    '127.0.0.1',
    ...more,
  );
const installed = async (...run: Parameters<typeof install>) => {
  const answer = await install(...run);
  expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
  return answer.stdout;
};
const calls = async () => (await machine.inside('cat /run/qm-calls 2>/dev/null; rm -f /run/qm-calls')).stdout;
/** Of the closing line. */
const vmOf = (stdout: string): unknown =>
  (JSON.parse(/^BREAKGLASS-RESULT (.*)$/m.exec(stdout)?.[1] ?? '{}') as { vm?: unknown }).vm;
const status = async (user: string, key: string) => {
  const { exitCode, stdout } = await machine.sshWith(key, user, 'status');
  return [exitCode, vmOf(stdout)];
};
/** Of what differs from the list of then: the paths, without those that every useradd writes. */
const changedSince = async (then: string) => {
  const before = new Set(then.split('\n'));
  return (await list())
    .split('\n')
    .filter((line) => !before.has(line))
    .map((line) => line.split(' ').find((word) => word.startsWith('/')) ?? '')
    .filter((name) => !/^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)$/.test(name));
};

describe.skipIf(reason !== undefined)(`several VMs on one power host${skippedBecause(reason)}`, () => {
  beforeAll(async () => {
    machine = await startPrivateMachine();
    otherKey = machine.anotherKey('other');
    untouched = await list();
  });
  afterAll(() => machine.close());
  afterEach(async () => {
    await machine.install('install', '--uninstall');
    expect(await list()).toBe(untouched);
  });

  test('each account reaches its own VM, and says which', async () => {
    await installed(102, 'breakglass', machine.key);
    await installed(103, 'breakglass-103', otherKey);
    await eventually(() => expect(machine.log().split('Received SIGHUP').length).toBeGreaterThan(2));
    await calls();
    expect(await status('breakglass', machine.key)).toEqual([0, 102]);
    expect(await calls()).not.toContain('103');
    expect(await status('breakglass-103', otherKey)).toEqual([0, 103]);
    expect(await calls()).not.toContain('102');
    const answer = await machine.sshWith(otherKey, 'breakglass-103', 'reset');
    expect(vmOf(answer.stdout)).toBe(103);
    expect(await calls()).toMatch(/argv=reset 103\n/);
    const log = (await machine.inside('cat /var/log/breakglass-pve.log')).stdout;
    expect(log).toMatch(/vm=103 verb=reset/);
    expect(log).not.toMatch(/vm=102 verb=reset/);
  });

  test('a key that was taken for the other one opens nothing, and no word reaches qm', async () => {
    await installed(102, 'breakglass', machine.key);
    await installed(103, 'breakglass-103', otherKey);
    await calls();
    expect(await status('breakglass', otherKey)).toEqual([255, undefined]);
    expect(await status('breakglass-103', machine.key)).toEqual([255, undefined]);
    expect(await calls()).toBe('');
    // Swapped on the host too: the account decides, so the answer names the VM that was really asked.
    await machine.inside(
      'cd /etc/breakglass/authorized_keys; mv breakglass x; mv breakglass-103 breakglass; mv x breakglass-103',
    );
    expect(await status('breakglass', otherKey)).toEqual([0, 102]);
    expect(await status('breakglass-103', machine.key)).toEqual([0, 103]);
  });

  test('the log tells the address of the connection and the key that opened it, whatever the account itself claims', async () => {
    await installed(102, 'breakglass', machine.key);
    await installed(103, 'breakglass-103', otherKey);
    const fingerprint = async (key: string) =>
      (await machine.inside(`ssh-keygen -lf '${key}.pub' | cut -d' ' -f2`)).stdout;
    const lastLine = async () => (await machine.inside('tail -n 1 /var/log/breakglass-pve.log')).stdout;
    // Before sudo's reset of the environment, and within what it keeps.
    expect(
      (await machine.sshWith(otherKey, 'breakglass-103', 'reset', ['-o', 'SetEnv=SSH_CONNECTION=6.6.6.6']))
        .stdout,
    ).toContain('"vm":103');
    expect(await lastLine()).toContain('vm=103 verb=reset caller=127.0.0.1 ');
    expect(await lastLine()).toContain(` key=${await fingerprint(otherKey)}`);
    // A process of the account that comes by another way, with a key that is not the account's in a file of its own making.
    const foreign = `publickey $(cut -d' ' -f1,2 '${machine.key}.pub')`;
    const claims = `SSH_CONNECTION='6.6.6.6 1 10.0.0.9 22' SSH_USER_AUTH=/tmp/claimed-auth`;
    await machine.inside(
      `echo "${foreign}" >/tmp/claimed-auth; cd /; runuser -u breakglass-103 -- env ${claims} sudo -n ${PVE} --verb=reset; rm /tmp/claimed-auth`,
    );
    expect(await lastLine()).toMatch(/vm=103 verb=reset caller=local .* key=null$/);
    // Beneath an sshd that is one by name only.
    await machine.inside(
      `ln -s /usr/bin/sudo /tmp/sshd; cd /; runuser -u breakglass-103 -- env ${claims} /tmp/sshd -n ${PVE} --verb=status; rm /tmp/sshd`,
    );
    expect(await lastLine()).toContain('vm=103 verb=status caller=local ');
    expect((await machine.inside('cat /var/log/breakglass-pve.log')).stdout).not.toContain('6.6.6.6');
  });

  test('no account of the host holds up a verb: not in the old place of its lock, not by the script, not in the new place', async () => {
    await installed(103, 'breakglass-103', otherKey);
    await machine.inside('chmod 1777 /run/lock; rm -rf /run/lock/breakglass-103.lock');
    const nobody = (script: string) => machine.inside(`cd /; runuser -u nobody -- bash -c '${script}'`);
    const reset = async () => (await machine.sshWith(otherKey, 'breakglass-103', 'reset')).exitCode;
    for (const attack of [
      'mkdir -p /run/lock/breakglass-103.lock/full',
      'echo "cycle nobody 1" >/run/lock/breakglass-103.lock; chmod 666 /run/lock/breakglass-103.lock',
    ]) {
      expect((await nobody(attack)).exitCode).toBe(0);
      // Held while the verb runs, by who may open them.
      await machine.inside(
        `for file in /run/lock/breakglass-103.lock ${PVE}; do runuser -u nobody -- flock "$file" sleep 60 >/dev/null 2>&1 & done; sleep 1`,
      );
      expect([attack, await reset()]).toEqual([attack, 0]);
      await machine.inside('pkill -u nobody; rm -rf /run/lock/breakglass-103.lock');
    }
    expect(await reset()).toBe(0);
    for (const file of ['/run/breakglass/103.lock', '/run/lock/breakglass-103.lock', '/run/breakglass'])
      expect((await nobody(`flock -n ${file} true`)).exitCode).not.toBe(0);
  });

  test('neither what a client sends nor what the account itself sets leads to the other VM', async () => {
    await installed(102, 'breakglass', machine.key);
    await installed(103, 'breakglass-103', otherKey);
    await calls();
    const sent = await machine.sshWith(
      otherKey,
      'breakglass-103',
      'status',
      ['-o', 'SendEnv=*', '-o', 'SetEnv=SUDO_USER=breakglass'],
      { SUDO_USER: 'breakglass', SUDO_UID: '0', LC_ALL: 'C' },
    );
    expect(vmOf(sent.stdout)).toBe(103);
    for (const word of ['status 102', '102', '--verb=status 102']) {
      expect((await machine.sshWith(otherKey, 'breakglass-103', word)).exitCode).toBe(2);
    }
    // A process of the account, by whatever way it got there.
    const own = (command: string) =>
      machine.inside(
        `cd /; runuser -u breakglass-103 -- env SUDO_USER=breakglass USER=breakglass LOGNAME=breakglass SSH_USER_AUTH=/etc/hostname ${command}`,
      );
    expect(vmOf((await own(`sudo -n ${PVE} --verb=status`)).stdout)).toBe(103);
    for (const command of [
      `sudo -n ${PVE} --verb=status 102`,
      `sudo -n -u breakglass ${PVE} --verb=status`,
      `sudo -n SUDO_USER=breakglass ${PVE} --verb=status`,
    ]) {
      const answer = await own(command);
      expect([command, answer.exitCode, answer.stdout]).toEqual([command, 1, '']);
    }
    expect(
      (
        await machine.inside(
          'runuser -u breakglass-103 -- sh -c "echo 102 >/etc/breakglass/vms/breakglass-103"',
        )
      ).exitCode,
    ).not.toBe(0);
    expect(await calls()).not.toContain('102');
  });

  test('adding a VM and removing it leaves the others byte for byte, and working', async () => {
    await installed(102, 'breakglass', machine.key);
    const alone = await list();
    await installed(103, 'breakglass-103', otherKey);
    expect([...new Set(await changedSince(alone))].sort()).toEqual([
      '/etc/breakglass/authorized_keys/breakglass-103',
      '/etc/breakglass/host.installed',
      '/etc/breakglass/vms/breakglass-103',
      '/etc/ssh/sshd_config.d/50-breakglass-103.conf',
      '/etc/sudoers.d/breakglass-103',
    ]);
    const both = await list();
    for (const [vmid, user, key] of [
      [102, 'breakglass', machine.key],
      [103, 'breakglass-103', otherKey],
    ] as const) {
      expect(await installed(vmid, user, key)).toMatch(/^Nothing to change/);
    }
    expect(await list()).toBe(both);
    const dry = await machine.install('install', '--uninstall', '--vmid', '103', '--dry-run');
    expect(dry.stdout).toContain('- account breakglass-103');
    expect(dry.stdout).not.toMatch(/102|breakglass-pve|account breakglass\n/);
    const removed = await machine.install('install', '--uninstall', '--vmid', '103');
    expect([removed.exitCode, removed.stderr]).toEqual([0, '']);
    expect(removed.stdout).toContain('Still installed: VM 102 (account breakglass).');
    expect(await list()).toBe(alone);
    expect(await status('breakglass', machine.key)).toEqual([0, 102]);
    expect((await machine.sshWith(otherKey, 'breakglass-103', 'status')).exitCode).toBe(255);
    const again = await machine.install('install', '--uninstall', '--vmid', '103');
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('VM 103 is not installed here. Installed: VM 102 (account breakglass).');
  });

  test('the first one can go while the second stays', async () => {
    await installed(102, 'breakglass', machine.key);
    await installed(103, 'breakglass-103', otherKey);
    const removed = await machine.install('install', '--uninstall', '--vmid', '102');
    expect([removed.exitCode, removed.stderr]).toEqual([0, '']);
    expect(removed.stdout).not.toContain('Note: Kept');
    expect(await status('breakglass-103', otherKey)).toEqual([0, 103]);
    expect((await machine.ssh('breakglass', 'status')).exitCode).toBe(255);
    expect((await paths()).filter((name) => /\/breakglass$|-102/.test(name))).toEqual(
      (await paths()).filter((name) => name === '/usr/local/lib/breakglass' || name === '/etc/breakglass'),
    );
  });

  test.each([
    ['the same key', ['103', 'breakglass-103', '@'], /this key is the one for VM 102 \(account breakglass\)/],
    [
      'the same account',
      ['103', 'breakglass', '@other'],
      /the account breakglass is for VM 102.*--user breakglass-103/,
    ],
    ['the same key in the simple form', ['103', 'x', '@', '--simple'], /this key is the one for VM 102/],
    [
      'scripts elsewhere',
      ['103', 'x', '@other', '--prefix', '/opt/bg'],
      /are in \/usr\/local\/lib\/breakglass/,
    ],
  ])(
    'a second VM with %s is refused with exit 2, and nothing changes',
    async (_name, [vmid, user, key, ...more], text) => {
      await installed(102, 'breakglass', machine.key);
      const before = await list();
      const answer = await install(Number(vmid), user ?? '', key === '@' ? machine.key : otherKey, ...more);
      expect(answer.exitCode).toBe(2);
      expect(answer.stderr).toMatch(text);
      expect(answer.stderr).toContain('Nothing was changed.');
      expect(await list()).toBe(before);
    },
  );

  test('a key of one VM is refused for the other also while it is one of two', async () => {
    await installed(102, 'breakglass', machine.key);
    const answer = await machine.inside(
      `cat ${otherKey}.pub ${machine.key}.pub | ${HOST}/install --vmid 103 --user b --key - --from 127.0.0.1`,
    );
    expect([answer.exitCode, answer.stderr]).toEqual([2, expect.stringContaining('the one for VM 102')]);
  });

  test('the simple form takes several VMs too: a line and a key each', async () => {
    await machine.inside('mkdir -m 700 /root/.ssh');
    try {
      await installed(102, 'breakglass', machine.key, '--simple');
      await installed(103, 'breakglass', otherKey, '--simple');
      expect((await machine.inside(`grep -c . ${ROOT_KEYS}`)).stdout).toBe('2');
      expect(await status('root', machine.key)).toEqual([0, 102]);
      expect(await status('root', otherKey)).toEqual([0, 103]);
      const same = await install(104, 'breakglass', otherKey, '--simple');
      expect([same.exitCode, same.stderr]).toEqual([2, expect.stringContaining('the one for VM 103')]);
      await installed(103, 'breakglass', otherKey, '--simple', '--from', '127.0.0.0/8');
      expect((await machine.inside(`grep -c . ${ROOT_KEYS}`)).stdout).toBe('2');
      await machine.install('install', '--uninstall', '--vmid', '102');
      expect((await machine.inside(`cat ${ROOT_KEYS}`)).stdout).toMatch(
        /^command="[^"]*breakglass-pve 103",[^\n]*$/,
      );
      expect(await status('root', otherKey)).toEqual([0, 103]);
      await machine.install('install', '--uninstall');
    } finally {
      await machine.inside('rm -rf /root/.ssh');
    }
  });

  describe('updating what version 0.1.0 made', () => {
    const old = async (...more: readonly string[]) => {
      await machine.inside(`tar -xzf ${HOST}/test/recorded/host-0.1.0.tar.gz -C /run`);
      const answer = await machine.inside(
        `/run/host-0.1.0/install --vmid 102 --key ${machine.key}.pub --from 127.0.0.1 ${more.join(' ')}`,
      );
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
    };

    test('for the same VM: in place, with the new names, and nothing of the old left', async () => {
      await old();
      expect((await machine.ssh('breakglass', 'status')).exitCode).toBe(0);
      await installed(102, 'breakglass', machine.key);
      expect(await status('breakglass', machine.key)).toEqual([0, 102]);
      const now = await paths();
      expect(now).not.toContain('/etc/breakglass/vmid');
      expect(now).not.toContain('/etc/sudoers.d/breakglass');
      expect(now).not.toContain('/etc/ssh/sshd_config.d/50-breakglass.conf');
      expect(await installed(102, 'breakglass', machine.key)).toMatch(/^Nothing to change/);
    });

    test('by adding another VM: the old one keeps its account, key and VM, and cannot fall to the new one', async () => {
      await old();
      await installed(103, 'breakglass-103', otherKey);
      expect(await paths()).not.toContain('/etc/breakglass/vmid');
      expect(await status('breakglass', machine.key)).toEqual([0, 102]);
      expect(await status('breakglass-103', otherKey)).toEqual([0, 103]);
      const same = await install(104, 'breakglass-104', machine.key);
      expect([same.exitCode, same.stderr]).toEqual([2, expect.stringContaining('the one for VM 102')]);
      await machine.install('install', '--uninstall', '--vmid', '103');
      expect(await status('breakglass', machine.key)).toEqual([0, 102]);
      // The old installer cannot read this record: it must refuse, for it would give both accounts one VM.
      await installed(103, 'breakglass-103', otherKey);
      const back = await machine.inside(
        `/run/host-0.1.0/install --vmid 102 --key ${machine.key}.pub --from 127.0.0.1`,
      );
      expect([back.exitCode, back.stderr]).toEqual([1, expect.stringContaining('Nothing was changed')]);
      expect(await status('breakglass-103', otherKey)).toEqual([0, 103]);
    });

    test('old scripts put over the new ones know no VM for any account', async () => {
      await old();
      await installed(102, 'breakglass', machine.key);
      await machine.inside('cp -p /run/host-0.1.0/breakglass-pve /usr/local/lib/breakglass/');
      await calls();
      const answer = await machine.ssh('breakglass', 'status');
      expect([answer.exitCode, answer.stderr]).toEqual([1, expect.stringContaining('no VM id')]);
      expect(await calls()).toBe('');
      await installed(102, 'breakglass', machine.key);
    });

    test('in its simple form, beside a second VM with an account', async () => {
      await machine.inside('mkdir -m 700 /root/.ssh');
      try {
        await old('--simple');
        await installed(103, 'breakglass', otherKey);
        expect(await status('root', machine.key)).toEqual([0, 102]);
        expect(await status('breakglass', otherKey)).toEqual([0, 103]);
        await machine.install('install', '--uninstall', '--vmid', '102');
        expect((await machine.inside(`ls ${ROOT_KEYS}`)).exitCode).not.toBe(0);
        expect(await status('breakglass', otherKey)).toEqual([0, 103]);
        await machine.install('install', '--uninstall');
      } finally {
        await machine.inside('rm -rf /root/.ssh');
      }
    });
  });
});
