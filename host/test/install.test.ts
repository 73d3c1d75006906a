// The power host's installer, on a staged system and on a private machine with a real sshd, sudo and useradd.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
const VERBS = ['status', 'forensics', 'reset', 'stop', 'start', 'cycle'];

let machine: PrivateMachine;
const untouched: { listing: string } = { listing: '' };
const standard = () => ['--vmid', '102', '--key', `${machine.key}.pub`, '--from', '127.0.0.1,10.0.20.0/24'];
const list = async () => (await machine.inside(TOUCHED)).stdout;
/** Lines that are in only one of the listing of then and that of now. */
const differences = async (then: string) => {
  const [a, b] = [new Set(then.split('\n')), new Set((await list()).split('\n'))];
  return [...[...a].filter((line) => !b.has(line)), ...[...b].filter((line) => !a.has(line))];
};
/** Does it with the machine spoiled, and mends the machine whatever comes of it. */
const spoiled = async (spoil: string, mend: string, during: () => Promise<void>) => {
  await machine.inside(spoil);
  try {
    await during();
  } finally {
    await machine.inside(mend);
  }
};
const ssh = (command: string | undefined, extra?: readonly string[], env?: Record<string, string>) =>
  machine.ssh('breakglass', command, extra, env);

describe.skipIf(reason !== undefined)(`the installer for the power host${skippedBecause(reason)}`, () => {
  beforeAll(async () => {
    machine = await startPrivateMachine();
    untouched.listing = await list();
  });
  afterAll(() => machine.close());

  describe('before it is installed', () => {
    test.each([
      ['no VM', ['--key', '/etc/hostname', '--from', '10.0.0.1']],
      ['VM 0', ['--vmid', '0', '--key', '@', '--from', '10.0.0.1']],
      ['a VM that is none', ['--vmid', '102;reboot', '--key', '@', '--from', '10.0.0.1']],
      ['no key', ['--vmid', '102', '--from', '10.0.0.1']],
      ['a key that is not there', ['--vmid', '102', '--key', '/nowhere', '--from', '10.0.0.1']],
      ['a key that is none', ['--vmid', '102', '--key', '/etc/hostname', '--from', '10.0.0.1']],
      ['the private key', ['--vmid', '102', '--key', '@private', '--from', '10.0.0.1']],
      ['no address', ['--vmid', '102', '--key', '@']],
      ['a name for an address', ['--vmid', '102', '--key', '@', '--from', 'console.example']],
      ['a wildcard', ['--vmid', '102', '--key', '@', '--from', '10.0.*']],
      ['a quote in the address', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1",pty']],
      ['a network with bits beyond its mask', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1/8']],
      ['a mask too long', ['--vmid', '102', '--key', '@', '--from', '10.0.0.0/33']],
      ['an empty place in the list', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1,,10.0.0.2']],
      ['root as the user', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1', '--user', 'root']],
      ['ALL as the user', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1', '--user', 'ALL']],
      ['a relative prefix', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1', '--prefix', 'lib']],
      ['a prefix with ..', ['--vmid', '102', '--key', '@', '--from', '10.0.0.1', '--prefix', '/usr/../x']],
      ['an unknown option', ['--force']],
      ['an option without its value', ['--vmid']],
      ['--uninstall with more', ['--uninstall', '--key', '@']],
      ['--uninstall of a VM that is none', ['--uninstall', '--vmid', 'all']],
    ])('%s is refused with exit 2 and a sentence, and nothing changes', async (_name, args) => {
      const answer = await machine.install(
        'install',
        ...args.map((word) =>
          word === '@' ? `${machine.key}.pub` : word === '@private' ? machine.key : word,
        ),
      );
      expect(answer.exitCode).toBe(2);
      expect(answer.stderr).toMatch(/^host\/install: .{10,}\n.*--help.*Nothing was changed\.$/);
      expect(await differences(untouched.listing)).toEqual([]);
    });

    test('a dry run changes nothing and names every file that the real run then makes', async () => {
      const dry = await machine.install('install', ...standard(), '--dry-run');
      expect(dry.exitCode).toBe(0);
      expect(dry.stdout).toContain('Dry run: nothing was changed.');
      expect(await differences(untouched.listing)).toEqual([]);
      await machine.install('install', ...standard());
      const made = (await list())
        .split('\n')
        .filter((line) => !untouched.listing.split('\n').includes(line))
        .map((line) => line.split(' ').find((word) => word.startsWith('/')) ?? '')
        // What useradd writes is announced as the account; the record is the installer's own.
        .filter((name) => !/^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)$|\.installed$/.test(name));
      expect(made.length).toBeGreaterThan(10);
      expect(made.filter((name) => !dry.stdout.includes(` ${name} `))).toEqual([]);
      expect(dry.stdout).toContain('+ account breakglass');
      expect((await machine.install('install', '--uninstall')).exitCode).toBe(0);
      expect(await differences(untouched.listing)).toEqual([]);
    });

    test('where sshd does not read drop-ins everything is taken back, and it is said why', async () => {
      await spoiled(
        'cp /etc/ssh/sshd_config /run/kept; sed -i /^Include/d /etc/ssh/sshd_config',
        'cat /run/kept >/etc/ssh/sshd_config',
        async () => {
          const before = await list();
          const answer = await machine.install('install', ...standard());
          expect(answer.exitCode).toBe(1);
          expect(answer.stderr).toContain('Include /etc/ssh/sshd_config.d/*.conf');
          expect(answer.stderr).toContain('everything that was written has been taken back');
          expect(await differences(before)).toEqual([]);
        },
      );
    });

    test('a Match block of somebody else that comes first is found out, and everything is taken back', async () => {
      await spoiled(
        "printf 'Match User breakglass\\nForceCommand /bin/sh\\n' >/etc/ssh/sshd_config.d/10-x.conf",
        'rm /etc/ssh/sshd_config.d/10-x.conf',
        async () => {
          const before = await list();
          const answer = await machine.install('install', ...standard());
          expect(answer.exitCode).toBe(1);
          expect(answer.stderr).toContain(
            'sshd would not do "forcecommand /usr/local/lib/breakglass/breakglass-enter"',
          );
          expect(await differences(before)).toEqual([]);
        },
      );
    });

    test.each([
      [
        'a broken sshd_config',
        'echo Nonsense yes >/etc/ssh/sshd_config.d/99.conf',
        'rm /etc/ssh/sshd_config.d/99.conf',
        'sshd_config is broken already',
      ],
      [
        'a broken sudoers',
        'echo nonsense >/etc/sudoers.d/zz',
        'rm /etc/sudoers.d/zz',
        'sudoers is broken already',
      ],
      [
        'a sudoers that reads no drop-ins',
        'cp -a /etc/sudoers /run/s; sed -i /includedir/d /etc/sudoers',
        'cp -a /run/s /etc/sudoers',
        '@includedir /etc/sudoers.d',
      ],
      [
        'a file of ours that somebody else made',
        'echo x >/etc/sudoers.d/breakglass-102',
        'rm /etc/sudoers.d/breakglass-102',
        'this installer did not make it',
      ],
      [
        'scripts where others can write',
        'mkdir -m 777 /usr/local/lib/breakglass',
        'rmdir /usr/local/lib/breakglass',
        'can be changed by others than root',
      ],
      [
        'useradd that fails',
        'chmod -x /usr/sbin/useradd',
        'chmod +x /usr/sbin/useradd',
        'useradd could not make the account',
      ],
      [
        'visudo missing',
        'mv /usr/sbin/visudo /usr/sbin/v',
        'mv /usr/sbin/v /usr/sbin/visudo',
        'apt install sudo',
      ],
    ])('%s: exit 1, nothing is left', async (_name, spoil, mend, text) => {
      await spoiled(spoil, mend, async () => {
        const before = await list();
        const answer = await machine.install('install', ...standard());
        expect(answer.stderr).toContain(text);
        expect(answer.exitCode).toBe(1);
        expect(await differences(before)).toEqual([]);
      });
      expect(await differences(untouched.listing)).toEqual([]);
    });

    test('a sshd that turns down what was written (visible only in place): taken back before any reload', async () => {
      await machine.inside(
        'mv /usr/sbin/sshd /usr/sbin/sshd.real; printf \'#!/bin/bash\\n[[ -e /etc/ssh/sshd_config.d/50-breakglass-102.conf ]] && { echo "bad configuration option"; exit 255; }\\nexec /usr/sbin/sshd.real "$@"\\n\' >/usr/sbin/sshd; chmod 755 /usr/sbin/sshd',
      );
      const hangups = machine.log().split('Received SIGHUP').length;
      const answer = await machine.install('install', ...standard());
      await machine.inside('mv /usr/sbin/sshd.real /usr/sbin/sshd');
      expect(answer.exitCode).toBe(1);
      expect(answer.stderr).toContain('bad configuration option');
      expect(machine.log().split('Received SIGHUP').length).toBe(hangups);
      expect(await differences(untouched.listing)).toEqual([]);
    });

    test('a reload that fails takes everything back', async () => {
      await spoiled(
        "mkdir -p /run/systemd/system; printf '#!/bin/bash\\necho Job failed; exit 1\\n' >/usr/sbin/systemctl; chmod 755 /usr/sbin/systemctl",
        'rm -r /run/systemd /usr/sbin/systemctl',
        async () => {
          const answer = await machine.install('install', ...standard());
          expect(answer.exitCode).toBe(1);
          expect(answer.stderr).toContain('Job failed');
          expect(answer.stderr).toContain('everything that was written has been taken back');
          expect(await differences(untouched.listing)).toEqual([]);
        },
      );
    });

    test('ended in the middle by a signal, it takes everything back', async () => {
      await machine.inside(
        'mv /usr/sbin/useradd /usr/sbin/useradd.real; printf \'#!/bin/bash\\nkill -TERM $PPID; sleep 0.2; exec /usr/sbin/useradd.real "$@"\\n\' >/usr/sbin/useradd; chmod 755 /usr/sbin/useradd',
      );
      const answer = await machine.install('install', ...standard());
      await machine.inside('mv /usr/sbin/useradd.real /usr/sbin/useradd');
      expect(answer.stderr).toContain('ended in the middle');
      expect(answer.exitCode).toBe(143);
      expect(await differences(untouched.listing)).toEqual([]);
    });
  });

  describe('installed', () => {
    beforeAll(async () => {
      const answer = await machine.install('install', ...standard());
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      expect(answer.stdout).toMatch(/ssh -i KEY -o IdentitiesOnly=yes breakglass@\S+ status/);
    });

    test('sshd has been told to read it, and status is answered by the script as root', async () => {
      await machine.inside('rm -f /run/qm-*');
      await eventually(() => expect(machine.log()).toMatch(/SIGHUP[\s\S]*Server listening/));
      const answer = await ssh('status');
      expect(answer.stderr).toBe('');
      expect(answer.exitCode).toBe(0);
      expect(answer.stdout).toMatch(
        /^BREAKGLASS-BEGIN status\nstatus: running\nvm: 102\n[\s\S]*\nBREAKGLASS-RESULT \{"verb":"status","version":"[0-9.]+","vm":102,/,
      );
      expect((await machine.inside('cat /run/qm-calls')).stdout).toBe('uid=0 argv=status 102 --verbose');
    });

    test('a second run changes nothing at all, and says so', async () => {
      const dates = "find /etc /usr/local/lib -printf '%p %T@ %C@\\n' | sort";
      const before = [await list(), (await machine.inside(dates)).stdout];
      const answer = await machine.install('install', ...standard());
      expect(answer.exitCode).toBe(0);
      expect(answer.stdout).toMatch(/^Nothing to change/);
      expect([await list(), (await machine.inside(dates)).stdout]).toEqual(before);
    });

    test('the environment of the client ends at the door', async () => {
      await machine.inside('rm -f /run/qm-*');
      const answer = await ssh('status', ['-o', 'SendEnv=LC_*', '-o', 'SendEnv=LANG'], {
        LC_ALL: 'tr_TR.UTF-8',
        LC_EVIL: '() { :; }; reboot',
        LANG: 'de_DE',
      });
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      const names = (await machine.inside('cut -d= -f1 /run/qm-environment | sort')).stdout.split('\n');
      expect(names).not.toContain('LC_EVIL');
      expect(names).not.toContain('LANG');
      expect(names.filter((name) => /^(SUDO|USER|HOME|MAIL|SHELL)/.test(name))).toEqual([]);
      expect((await machine.inside('grep ^LC_ /run/qm-environment')).stdout).toBe('LC_ALL=C');
    });

    test.each([
      'status; reboot',
      'status 103',
      '$(reboot)',
      'status\nstop',
      'status\n',
      'Status',
      'st\u0430tus',
      '--verb=stop',
      '--rejected',
      '--worker',
      '--root / 102',
      'sudo -n /usr/local/lib/breakglass/breakglass-pve --verb=stop',
      '/usr/local/lib/breakglass/breakglass-pve',
      'evidence ../..',
      'bash -i',
      ' '.repeat(3),
      'a'.repeat(100_000),
    ])('%j is rejected with exit 2 and logged by root', async (command) => {
      await machine.inside('rm -f /run/qm-*');
      const before = (await machine.inside('cat /var/log/breakglass-pve.log')).stdout;
      const answer = await ssh(command);
      expect(answer.exitCode).toBe(2);
      expect(answer.stderr).toMatch(/^breakglass-pve: rejected [^\n]*$/);
      const log = (await machine.inside('cat /var/log/breakglass-pve.log')).stdout
        .slice(before.length)
        .trim();
      expect(log).toMatch(/^\S+ vm=102 verb=rejected caller=127\.0\.0\.1 exit=2 command=[^\n]*$/);
      expect((await machine.inside('cat /run/qm-calls')).exitCode).toBe(1);
    });

    test('no command and a subsystem are rejected, none is a shell', async () => {
      expect((await ssh(undefined)).exitCode).toBe(2);
      expect((await ssh('sftp', ['-s'])).exitCode).toBe(2);
      expect((await machine.inside('tail -n 2 /var/log/breakglass-pve.log')).stdout).toMatch(
        /verb=rejected \S+ exit=2 command='' key=null\n.*verb=rejected \S+ exit=2 command=\S*sftp-server key=null$/,
      );
    });

    test('a terminal is refused', async () => {
      expect((await ssh('status', ['-tt'])).stderr).toContain('PTY allocation request failed');
    });

    test('forwarding is refused: ports both ways, the agent, X11', async () => {
      const remote = await ssh('status', ['-R', '0:127.0.0.1:22', '-o', 'ExitOnForwardFailure=yes']);
      expect(remote.stderr).toContain('remote port forwarding failed');
      const local = await ssh(undefined, ['-W', `127.0.0.1:${machine.port}`]);
      expect(local.stderr).toContain('forwarding failed');
      expect(machine.log()).toContain('refused local port forward');
      await ssh('status', ['-A', '-X']);
      expect((await machine.inside('grep -cE "SSH_AUTH_SOCK|DISPLAY" /run/qm-environment')).stdout).toBe('0');
    });

    test('another key is refused, and so is the key from another address', async () => {
      await machine.inside('ssh-keygen -q -t ed25519 -N "" -f /run/other <<<y');
      const other = (await machine.inside('cat /run/other.pub')).stdout;
      expect(other).toContain('ssh-ed25519');
      const elsewhere = ['--vmid', '102', '--key', `${machine.key}.pub`, '--from', '192.0.2.0/24'];
      expect((await machine.install('install', ...elsewhere)).exitCode).toBe(0);
      const answer = await ssh('status');
      expect(answer.exitCode).toBe(255);
      expect(answer.stderr).toContain('Permission denied');
      await machine.inside("echo 'restrict ssh-ed25519 AAAA' >/etc/breakglass/authorized_keys/breakglass");
      expect((await ssh('status')).exitCode).toBe(255);
      // And the installer repairs what somebody changed.
      expect((await machine.install('install', ...standard())).exitCode).toBe(0);
      expect((await ssh('status')).exitCode).toBe(0);
    });

    test('the dedicated user can run the exact lines as root and nothing else, and write nowhere that counts', async () => {
      const as = (command: string) => machine.inside(`cd / && runuser -u breakglass -- ${command}`);
      for (const command of [
        'sudo -n id',
        'sudo -n /usr/local/lib/breakglass/breakglass-pve',
        'sudo -n /usr/local/lib/breakglass/breakglass-pve --worker',
        'sudo -n /usr/local/lib/breakglass/breakglass-pve --verb=status --root /tmp',
        'sudo -n /usr/local/lib/breakglass/breakglass-pve --verb=status 103',
        'sudo -n /usr/local/lib/breakglass/breakglass-pve --verb=',
        'sudo -n /usr/local/lib/breakglass/breakglass-pve --root /tmp --verb=status',
        'sudo -n -u nobody /usr/local/lib/breakglass/breakglass-pve --verb=status',
        'sudo -n SSH_ORIGINAL_COMMAND=stop /usr/local/lib/breakglass/breakglass-pve --rejected',
      ]) {
        const answer = await as(command);
        expect([command, answer.exitCode, answer.stderr]).toEqual([
          command,
          1,
          expect.stringMatching(/password is required|not allowed/),
        ]);
      }
      const writable = await as(
        'find /usr/local/lib/breakglass /etc/breakglass /etc/ssh /etc/sudoers.d -writable ! -type l 2>/dev/null',
      );
      expect(writable.stdout).toBe('');
      expect((await machine.inside('getent passwd breakglass')).stdout).toMatch(
        /:\/usr\/local\/lib\/breakglass:\/bin\/sh$/,
      );
      expect((await machine.inside('getent shadow breakglass')).stdout).toMatch(/^breakglass:\*:/);
    });

    test('what is rejected can be no verb, even when the word on stdin is one', async () => {
      await machine.inside('rm -f /run/qm-*');
      const answer = await machine.inside(
        'cd /; printf stop | runuser -u breakglass -- sudo -n /usr/local/lib/breakglass/breakglass-pve --rejected',
      );
      expect(answer.exitCode).toBe(2);
      expect(answer.stderr).toContain('rejected stop');
      expect((await machine.inside('cat /run/qm-calls')).exitCode).toBe(1);
    });

    test('while a key is replaced both work; keys come on standard input too', async () => {
      const answer = await machine.inside(
        `ssh-keygen -q -t ed25519 -N '' -f /run/second; cat ${machine.key}.pub /run/second.pub | ${HOST}/install --vmid 102 --key - --from 127.0.0.1`,
      );
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      expect((await ssh('status')).exitCode).toBe(0);
      const other = await machine.inside(
        `ssh -F none -i /run/second -p ${machine.port} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null breakglass@127.0.0.1 status`,
      );
      expect(other.exitCode).toBe(0);
      await machine.install('install', ...standard());
      expect((await machine.inside('wc -l </etc/breakglass/authorized_keys/breakglass')).stdout).toBe('1');
    });

    test('a file changed in the repository is brought up to date, and one that was dropped is removed', async () => {
      await machine.inside('echo "# old" >>/usr/local/lib/breakglass/lib/verbs.bash');
      await machine.inside(
        'echo x >/usr/local/lib/breakglass/lib/gone.bash; echo file /usr/local/lib/breakglass/lib/gone.bash >>/etc/breakglass/host.installed',
      );
      const answer = await machine.install('install', ...standard());
      expect(answer.stdout).toContain('~ file /usr/local/lib/breakglass/lib/verbs.bash');
      expect(answer.stdout).toContain('- file /usr/local/lib/breakglass/lib/gone.bash');
      expect((await machine.install('install', ...standard())).stdout).toMatch(/^Nothing to change/);
      expect((await machine.inside('ls /usr/local/lib/breakglass/lib/gone.bash')).exitCode).not.toBe(0);
    });

    test('each of the six verbs and evidence reach the script as root, through their own line', async () => {
      await machine.inside(
        'cp -a /usr/local/lib/breakglass/breakglass-pve /run/real; printf \'#!/bin/bash\\necho "uid=$EUID argv=$*"\\nenv\\nexit 7\\n\' >/usr/local/lib/breakglass/breakglass-pve',
      );
      for (const verb of [...VERBS, 'evidence']) {
        const answer = await ssh(verb, ['-o', 'SendEnv=LC_*'], { LC_EVIL: 'x' });
        expect([verb, answer.exitCode]).toEqual([verb, 7]);
        const [first, ...environment] = answer.stdout.split('\n');
        expect(first).toBe(`uid=0 argv=--verb=${verb}`);
        const names = environment.map((line) => line.split('=')[0] ?? '');
        expect(names).toContain('SSH_CONNECTION');
        expect(names).toContain('SSH_USER_AUTH');
        expect(names.filter((name) => /^(LC_|SSH_ORIGINAL|BASH_|LD_)/.test(name))).toEqual([]);
      }
      await machine.inside('cp -a /run/real /usr/local/lib/breakglass/breakglass-pve');
    });

    test('a mutating verb runs whole, by the real script: evidence, then qm, then the result', async () => {
      await machine.inside('rm -f /run/qm-*');
      const answer = await ssh('reset');
      expect(answer.stdout).toMatch(
        /--- forensics[\s\S]*--- reset[\s\S]*\nBREAKGLASS-RESULT \{"verb":"reset"/,
      );
      expect((await machine.inside('cat /run/qm-calls')).stdout).toContain('uid=0 argv=reset 102\n');
      const evidence = await ssh('evidence');
      expect(evidence.exitCode).toBe(0);
      expect((await machine.inside('cat /var/log/breakglass-pve.log')).stdout).toMatch(
        /verb=reset caller=127\.0\.0\.1 begins key=SHA256:\S+\n/,
      );
    });

    test('evidence comes through sudo byte for byte', async () => {
      await machine.inside(
        "mkdir -p /run/bin; mv /usr/local/lib/breakglass/breakglass-pve /run/real; printf '#!/bin/bash\\nhead -c 3000000 /run/random\\n' >/usr/local/lib/breakglass/breakglass-pve; chmod 755 /usr/local/lib/breakglass/breakglass-pve; head -c 3000000 /dev/urandom >/run/random",
      );
      const sum = execFileSync(
        'bash',
        [
          '-c',
          `ssh -F none -i ${machine.key} -p ${machine.port} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes breakglass@127.0.0.1 evidence | sha256sum`,
        ],
        { encoding: 'utf8' },
      );
      expect(sum.trim()).toBe((await machine.inside('sha256sum </run/random')).stdout.trim());
      await machine.inside('mv /run/real /usr/local/lib/breakglass/breakglass-pve');
    });

    test('the detached work goes on when the connection is cut', async () => {
      await machine.inside(
        'mv /usr/local/lib/breakglass/breakglass-pve /run/real; printf \'#!/bin/bash\\nsetsid bash -c "sleep 1; echo done >/run/done" </dev/null >/dev/null 2>&1 &\\necho begun\\nsleep 3\\n\' >/usr/local/lib/breakglass/breakglass-pve; chmod 755 /usr/local/lib/breakglass/breakglass-pve',
      );
      const client = spawn(
        'ssh',
        [
          '-F',
          'none',
          '-i',
          machine.key,
          '-p',
          String(machine.port),
          '-o',
          'BatchMode=yes',
          '-o',
          'StrictHostKeyChecking=no',
          '-o',
          'UserKnownHostsFile=/dev/null',
          '-o',
          'IdentitiesOnly=yes',
          'breakglass@127.0.0.1',
          'cycle',
        ],
        { stdio: ['ignore', 'pipe', 'ignore'] },
      );
      await once(client.stdout, 'data');
      client.kill('SIGKILL');
      await eventually(async () => expect((await machine.inside('cat /run/done')).stdout).toBe('done'));
      await machine.inside('mv /run/real /usr/local/lib/breakglass/breakglass-pve');
    });

    test('what it makes for another user replaces what it made for the first', async () => {
      const answer = await machine.install('install', ...standard(), '--user', 'bg-power');
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      expect((await machine.inside('getent passwd breakglass')).exitCode).toBe(2);
      expect((await machine.ssh('bg-power', 'status')).exitCode).toBe(0);
      expect((await machine.install('install', ...standard())).exitCode).toBe(0);
      expect((await ssh('status')).exitCode).toBe(0);
    });

    test('uninstall restores everything, and nobody comes in any more', async () => {
      const dry = await machine.install('install', '--uninstall', '--dry-run');
      expect(dry.stdout).toContain('- account breakglass');
      expect((await ssh('status')).exitCode).toBe(0);
      const answer = await machine.install('install', '--uninstall');
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      expect(await differences(untouched.listing)).toEqual([]);
      expect((await ssh('status')).exitCode).toBe(255);
      const again = await machine.install('install', '--uninstall');
      expect(again.exitCode).toBe(1);
      expect(again.stderr).toContain('Nothing to remove');
    });
  });

  describe('below another root', () => {
    const STAGE = '/run/stage';
    const staged = async () => (await machine.inside(listing(STAGE))).stdout;

    test.each([[[]], [['--simple']]])(
      'it makes everything there with %j, nothing here, and removes it',
      async (form) => {
        await machine.inside(
          `mkdir -p ${STAGE}/etc/ssh/sshd_config.d ${STAGE}/etc/sudoers.d ${STAGE}/usr/local/lib ${STAGE}/root/.ssh; cd /etc; cp -p passwd group shadow gshadow login.defs sudoers ${STAGE}/etc; cp -p ssh/sshd_config ${STAGE}/etc/ssh`,
        );
        const before = await staged();
        const log = machine.log();
        expect(
          (await machine.install('install', ...standard(), ...form, '--root', STAGE, '--dry-run')).exitCode,
        ).toBe(0);
        expect(await staged()).toBe(before);
        const answer = await machine.install('install', ...standard(), ...form, '--root', STAGE);
        expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
        expect(await staged()).toContain(`${STAGE}/usr/local/lib/breakglass/breakglass-pve f 755 0:0`);
        const first = await staged();
        expect((await machine.install('install', ...standard(), ...form, '--root', STAGE)).stdout).toMatch(
          /^Nothing to change/,
        );
        expect(await staged()).toBe(first);
        expect(await differences(untouched.listing)).toEqual([]);
        expect(machine.log()).toBe(log);
        expect((await machine.install('install', '--uninstall', '--root', STAGE)).exitCode).toBe(0);
        expect(await staged()).toBe(before);
        await machine.inside(`rm -r ${STAGE}`);
      },
    );
  });

  describe('in its simple form', () => {
    const KEYS = '/root/.ssh/authorized_keys';

    test("one marked line in root's file, written through a link, once; the verbs work; uninstall restores the bytes", async () => {
      await machine.inside(
        `mkdir -p -m 700 /root/.ssh /run/pve; printf 'ssh-ed25519 AAAAsomebody colleague\\n' >/run/pve/keys; chmod 600 /run/pve/keys; ln -s /run/pve/keys ${KEYS}`,
      );
      const before = await list();
      const bytes = (await machine.inside(`sha256sum ${KEYS}`)).stdout;
      const dry = await machine.install('install', ...standard(), '--simple', '--dry-run');
      expect(dry.stdout).toContain(`+ a line in ${KEYS}`);
      expect(await differences(before)).toEqual([]);
      for (const run of [1, 2]) {
        const answer = await machine.install('install', ...standard(), '--simple');
        expect([run, answer.exitCode, answer.stderr]).toEqual([run, 0, '']);
        expect(answer.stdout).toContain('is a link to /run/pve/keys');
      }
      const lines = (await machine.inside(`cat ${KEYS}`)).stdout.split('\n');
      expect(lines).toHaveLength(2);
      expect(lines[1]).toMatch(
        /^command="\/usr\/local\/lib\/breakglass\/breakglass-pve 102",restrict,from="127\.0\.0\.1,10\.0\.20\.0\/24" ssh-ed25519 \S+ breakglass:host-install$/,
      );
      expect((await machine.ssh('root', 'status')).stdout).toMatch(/^status: running/m);
      expect((await machine.ssh('root', 'id')).exitCode).toBe(2);
      expect((await machine.ssh('root', 'status', ['-tt'])).stderr).toContain(
        'PTY allocation request failed',
      );
      expect((await machine.install('install', '--uninstall')).exitCode).toBe(0);
      expect(await differences(before)).toEqual([]);
      expect((await machine.inside(`sha256sum ${KEYS}`)).stdout).toBe(bytes);
      await machine.inside('rm -r /root/.ssh');
    });

    test('a file whose last line has no end keeps that line whole', async () => {
      await machine.inside(
        `mkdir -p -m 700 /root/.ssh; printf 'ssh-ed25519 AAAAsomebody colleague' >${KEYS}`,
      );
      expect((await machine.install('install', ...standard(), '--simple')).exitCode).toBe(0);
      expect((await machine.inside(`cat ${KEYS}`)).stdout).toMatch(
        /^ssh-ed25519 AAAAsomebody colleague\ncommand=[^\n]*$/,
      );
      expect((await machine.ssh('root', 'status')).exitCode).toBe(0);
      await machine.install('install', ...standard(), '--simple', '--from', '127.0.0.1');
      expect((await machine.inside(`grep -c . ${KEYS}`)).stdout).toBe('2');
      await machine.install('install', '--uninstall');
      expect((await machine.inside(`cat ${KEYS}`)).stdout).toBe('ssh-ed25519 AAAAsomebody colleague');
      await machine.inside('rm -r /root/.ssh');
    });

    test('the form can be changed: what only the other needed is removed', async () => {
      await machine.install('install', ...standard());
      const answer = await machine.install('install', ...standard(), '--simple');
      expect([answer.exitCode, answer.stderr]).toEqual([0, '']);
      expect((await machine.inside('ls /etc/sudoers.d/breakglass-102')).exitCode).not.toBe(0);
      expect((await ssh('status')).exitCode).toBe(255);
      expect((await machine.ssh('root', 'status')).exitCode).toBe(0);
      await machine.install('install', ...standard());
      expect((await machine.ssh('root', 'status')).exitCode).toBe(255);
      expect((await ssh('status')).exitCode).toBe(0);
      await machine.install('install', '--uninstall');
      expect(await differences(untouched.listing)).toEqual([]);
    });

    test('root who may not log in at all is said before it is tried at night', async () => {
      await spoiled(
        'echo PermitRootLogin no >/etc/ssh/sshd_config.d/01.conf',
        'rm /etc/ssh/sshd_config.d/01.conf',
        async () => {
          const before = await list();
          const answer = await machine.install('install', ...standard(), '--simple');
          expect(answer.exitCode).toBe(1);
          expect(answer.stderr).toContain('PermitRootLogin no');
          expect(await differences(before)).toEqual([]);
        },
      );
    });
  });
});
