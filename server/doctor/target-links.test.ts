// Each link of a target broken for real: doctor names that one, and what needs it is not checked because of it.
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Link, LinkCode } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import { ID, packBundle, STALLED } from '../../test/support/bundle.ts';
import { freePort } from '../../test/support/free-port.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost } from '../../test/support/power-host.ts';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { type Change, changes, pinOf, startWell, type Well } from '../../test/support/target-that-is-well.ts';
import { createEvidence } from '../evidence/evidence.ts';
import { NO_VERB } from '../power-host/no-verb.ts';

let well: Well;
let whenWell: readonly Link[];

beforeAll(async () => {
  well = await startWell();
  whenWell = await well.look();
});
afterAll(() => well?.close());

const VM_LOGINS: readonly LinkCode[] = ['vm-repair', 'vm-observer', 'vm-sudo', 'vm-shell', 'vm-clock'];
const OF_STATUS: readonly LinkCode[] = ['power-version', 'power-source', 'power-space'];

/** Only this one, and what needs it. */
function expectOnly(
  links: readonly Link[],
  code: LinkCode,
  state: 'broken' | 'doubtful',
  dependents: readonly LinkCode[] = [],
): Link {
  expect(changes(links, whenWell)).toEqual({
    [code]: state,
    ...Object.fromEntries(dependents.map((each) => [each, `not-checked: ${code}`])),
  });
  const found = links.find((link) => link.code === code);
  if (found === undefined) throw new Error(`no ${code}`);
  expect(found.remedy).toBeTruthy();
  return found;
}

/** Puts a text in place of a file's until the test is over. */
function write(file: string, text: string): void {
  const before = readFileSync(file, 'utf8');
  onTestFinished(() => writeFileSync(file, before));
  writeFileSync(file, text);
}

const VM_ONLY: Change = { only: 'vm' };
const HOST_ONLY: Change = { only: 'host' };
const vmAt = (port: number, host = '127.0.0.1'): Change => ({
  ...VM_ONLY,
  vm: { vm: { host, port, user: well.vm.user } },
});

test('a target that is well: every link works, and nothing of it is in doubt', () => {
  expect(whenWell.filter(({ state }) => state !== 'works').map(({ code, detail }) => [code, detail])).toEqual(
    [['vm-observer', expect.stringContaining('no observer account')]],
  );
  expect(whenWell.find(({ code }) => code === 'power-source')?.detail).toBe(
    'The host sees this console come from 127.0.0.1, and lets it in.',
  );
});

describe('the VM', () => {
  test('vm-route: nothing listens', async () => {
    const found = expectOnly(await well.look(vmAt(await freePort())), 'vm-route', 'broken', [
      'vm-banner',
      'vm-host-key',
      ...VM_LOGINS,
    ]);
    expect(found.detail).toContain('the machine is up, and nothing listens there');
  });

  test('vm-route: a name in place of an address', async () => {
    const found = expectOnly(await well.look(vmAt(well.vm.port, 'localhost')), 'vm-route', 'doubtful');
    expect(found.remedy).toMatch(/127\.0\.0\.1|::1/);
  });

  test('vm-route: a name that nobody knows', async () => {
    const found = expectOnly(await well.look(vmAt(22, 'no-such-vm.invalid')), 'vm-route', 'broken', [
      'vm-banner',
      'vm-host-key',
      ...VM_LOGINS,
    ]);
    expect(found.detail).toMatch(/the name (?:is not known|server does not answer)/);
  });

  test('vm-banner: something else listens', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('220 ftp.example ready\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    expectOnly(await well.look(vmAt(port)), 'vm-banner', 'broken', ['vm-host-key', ...VM_LOGINS]);
  });

  test('vm-host-key: another key than the pinned one', async () => {
    const pins = readFileSync(well.knownHosts, 'utf8');
    write(
      well.knownHosts,
      pins.replace(
        pinOf('vm-alias', `${well.vm.dir}/host_key.pub`),
        pinOf('vm-alias', `${well.vm.dir}/key.pub`),
      ),
    );
    const found = expectOnly(await well.look(VM_ONLY), 'vm-host-key', 'broken', VM_LOGINS);
    expect(found.detail).toMatch(/has changed: known is SHA256:\S+, offered is SHA256:/);
  });

  test('vm-host-key: not pinned yet: its fingerprint is shown, and it stays unpinned', async () => {
    const pins = readFileSync(well.knownHosts, 'utf8').replace(
      pinOf('vm-alias', `${well.vm.dir}/host_key.pub`),
      '',
    );
    write(well.knownHosts, pins);
    const found = expectOnly(await well.look(VM_ONLY), 'vm-host-key', 'doubtful');
    const [, fingerprint = ''] = execFileSync('ssh-keygen', ['-lf', `${well.vm.dir}/host_key.pub`], {
      encoding: 'utf8',
    }).split(' ');
    expect(found.detail).toContain(fingerprint);
    expect(readFileSync(well.knownHosts, 'utf8')).toBe(pins);
  });

  test('vm-repair: our key is not in authorized_keys', async () => {
    write(`${well.vm.dir}/authorized_keys`, '');
    const found = expectOnly(await well.look(VM_ONLY), 'vm-repair', 'broken', [
      'vm-sudo',
      'vm-shell',
      'vm-clock',
    ]);
    expect(found.remedy).toContain(
      readFileSync(`${well.vm.dir}/key.pub`, 'utf8').split(' ').slice(0, 2).join(' '),
    );
  });

  test('vm-repair: a login shell that runs nothing', async () => {
    const vm = await well.vmWith({}, ['ForceCommand /usr/sbin/nologin']);
    onTestFinished(() => vm.stop());
    const found = expectOnly(await well.look(vmAt(vm.port)), 'vm-repair', 'broken', [
      'vm-sudo',
      'vm-shell',
      'vm-clock',
    ]);
    expect(found.remedy).toContain('usermod -s /bin/bash');
  });

  test('vm-sudo: sudo wants a password', async () => {
    const vm = await well.vmWith({
      sudo: 'echo "sudo: a password is required" >&2; exit 1',
      id: 'echo 1000',
    });
    onTestFinished(() => vm.stop());
    const found = expectOnly(await well.look(vmAt(vm.port)), 'vm-sudo', 'broken');
    expect(found.detail).toContain('a password is required');
    expect(found.remedy).toContain('NOPASSWD');
  });

  test('vm-shell: a shell as fish', async () => {
    const vm = await well.vmWith(
      {
        // As fish 3: an assignment is no command, and $(( is none of its own.
        fish: 'case $SSH_ORIGINAL_COMMAND in [a-z]=*) echo "fish: Unsupported use of \'=\'. In fish, please use \'set x\'" >&2; exit 123 ;; esac; exec sh -c "$SSH_ORIGINAL_COMMAND"',
      },
      ['ForceCommand BIN/fish'],
    );
    onTestFinished(() => vm.stop());
    const found = expectOnly(await well.look(vmAt(vm.port)), 'vm-shell', 'broken');
    expect(found.detail).toContain("exit code 123: fish: Unsupported use of '='");
  });

  test.each([
    ['two hours behind', -7_200, 'broken', 'behind'],
    ['two minutes ahead', 120, 'doubtful', 'ahead of'],
  ] as const)('vm-clock: %s', async (_name, off, state, words) => {
    const vm = await well.vmWith({ date: `echo $(($(/bin/date +%s) + ${off}))` });
    onTestFinished(() => vm.stop());
    expect(expectOnly(await well.look(vmAt(vm.port)), 'vm-clock', state).detail).toContain(words);
  });

  test('while a verb runs nothing of the VM is looked at, and nothing of it is a fault', async () => {
    const running = () => ({ verb: 'cycle', by: { type: 'operator', name: 'anna' } }) as Operation;
    const links = await well.look({ vm: { ...vmAt(await freePort()).vm, running } });
    expect(links.find(({ code }) => code === 'vm-route')).toMatchObject({
      state: 'not-checked',
      detail: 'A verb runs (cycle by anna): look again when it is over.',
    });
    expect(links.filter(({ state }) => state === 'broken')).toEqual([]);
    expect(links.find(({ code }) => code === 'power-status')?.state).toBe('works');
  });
});

const isRoot = process.getuid?.() === 0;
const whyNot = isRoot ? undefined : 'only root makes users and mounts';

describe.skipIf(!isRoot)(`the observer account${skippedBecause(whyNot)}`, () => {
  const user = `bg-observer-${process.pid}`;
  beforeAll(() => {
    // A password that none is, because sshd refuses a locked account.
    execFileSync('useradd', ['--system', '--no-create-home', '--shell', '/bin/sh', '--password', '*', user]);
    // sshd reads the keys of an account as that account.
    chmodSync(well.vm.dir, 0o711);
    chmodSync(path.join(well.vm.dir, 'authorized_keys'), 0o644);
  });
  afterAll(() => void execFileSync('userdel', [user]));

  const asObserver = (observerUser: string) => well.look({ ...VM_ONLY, vm: { observerUser } });
  const observer = (links: readonly Link[]) => links.find(({ code }) => code === 'vm-observer');

  test('one that only looks works', async () => {
    expect(observer(await asObserver(user))).toMatchObject({
      state: 'works',
      detail: `${user} logs in, and only looks.`,
    });
  });

  test('one that is root is doubtful: policy observe would keep nothing from it', async () => {
    const found = observer(await asObserver('root'));
    expect(found).toMatchObject({ state: 'doubtful', detail: expect.stringContaining('is root') });
  });

  test('one that does not exist is broken, and hides nothing', async () => {
    expectOnly(await asObserver('bg-nobody-knows'), 'vm-observer', 'broken');
  });
});

describe('the power host', () => {
  const hostAt = (port: number): Change => ({
    ...HOST_ONLY,
    host: { powerHost: { ...well.hostParts.powerHost, port } },
  });
  const AFTER_LOGIN: readonly LinkCode[] = ['power-junk', 'power-status', ...OF_STATUS];

  test('power-route: nothing listens', async () => {
    expectOnly(await well.look(hostAt(await freePort())), 'power-route', 'broken', [
      'power-host-key',
      'power-login',
      ...AFTER_LOGIN,
    ]);
  });

  test('power-host-key: another key than the pinned one', async () => {
    const pins = readFileSync(well.knownHosts, 'utf8');
    write(
      well.knownHosts,
      pins.replace(
        pinOf('host-alias', `${well.host.dir}/host_key.pub`),
        pinOf('host-alias', `${well.host.dir}/key.pub`),
      ),
    );
    expectOnly(await well.look(HOST_ONLY), 'power-host-key', 'broken', ['power-login', ...AFTER_LOGIN]);
  });

  test('power-login: from= does not allow the address that we come from, which is told', async () => {
    const file = `${well.host.dir}/authorized_keys`;
    write(file, readFileSync(file, 'utf8').replace('restrict ', 'restrict,from="192.0.2.1" '));
    const found = expectOnly(await well.look(HOST_ONLY), 'power-login', 'broken', AFTER_LOGIN);
    expect(found.detail).toContain('Here this console comes from 127.0.0.1');
    expect(found.remedy).toContain('host/install --vmid 102 --key breakglass-key.pub --from 127.0.0.1');
  });

  test('power-junk: a key without the forced command opens a shell', async () => {
    const file = `${well.host.dir}/authorized_keys`;
    write(file, readFileSync(`${well.host.dir}/key.pub`, 'utf8'));
    const found = expectOnly(await well.look(HOST_ONLY), 'power-junk', 'broken', [
      'power-status',
      ...OF_STATUS,
    ]);
    expect(found.detail).toContain('answered 127');
    expect(found.remedy).toContain(
      'command="/usr/local/lib/breakglass/breakglass-pve 102",restrict,from="127.0.0.1"',
    );
  });

  test('power-status: the path leads to another VM', async () => {
    const found = expectOnly(
      await well.look({ ...HOST_ONLY, host: { vmid: 103 } }),
      'power-status',
      'broken',
      OF_STATUS,
    );
    expect(found.detail).toContain('answers for VM 102, not for VM 103');
  });

  test('power-status: the script is not whole', async () => {
    const broken = path.join(well.dir, 'half');
    mkdirSync(broken, { recursive: true });
    execFileSync('cp', [path.resolve(import.meta.dirname, '../../host/breakglass-pve'), broken]);
    mkdirSync(path.join(broken, 'lib'), { recursive: true });
    execFileSync('sh', [
      '-c',
      `cp ${path.resolve(import.meta.dirname, '../../host/lib')}/* ${broken}/lib && rm ${broken}/lib/vm-states.bash`,
    ]);
    const file = `${well.host.dir}/authorized_keys`;
    write(
      file,
      readFileSync(file, 'utf8').replace(/command="\S+breakglass-pve/, `command="${broken}/breakglass-pve`),
    );
    // It rejects nothing either: a script that cannot run is no boundary that one could rely on.
    expectOnly(await well.look(HOST_ONLY), 'power-junk', 'broken', ['power-status', ...OF_STATUS]);
  });

  test('power-version: a script of 0.1.0, which says neither the address nor the space', async () => {
    execFileSync('tar', [
      '-xzf',
      path.resolve(import.meta.dirname, '../../host/test/recorded/host-0.1.0.tar.gz'),
      '-C',
      well.dir,
    ]);
    const file = `${well.host.dir}/authorized_keys`;
    write(
      file,
      readFileSync(file, 'utf8').replace(
        /command="\S+breakglass-pve/,
        `command="${well.dir}/host-0.1.0/breakglass-pve`,
      ),
    );
    const links = await well.look(HOST_ONLY);
    expect(changes(links, whenWell)).toEqual({
      'power-version': 'doubtful',
      'power-source': 'not-checked',
      'power-space': 'not-checked',
    });
    expect(links.find(({ code }) => code === 'power-version')?.detail).toContain('breakglass-pve 0.1.0');
  });

  test.skipIf(!isRoot)(`power-space: hardly anything is free there${skippedBecause(whyNot)}`, async () => {
    const state = path.join(well.hostRoot, 'state');
    mkdirSync(state, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'breakglass-test', state]);
    onTestFinished(() => void execFileSync('umount', [state]));
    expect(expectOnly(await well.look(HOST_ONLY), 'power-space', 'broken').detail).toContain(
      'Only 20 MiB are free there',
    );
  });

  test('power-evidence: the last bundle was cut off on its way', async () => {
    const host = await startPowerHost();
    const ssh = connectTo(host);
    onTestFinished(async () => {
      await ssh.close();
      await host.stop();
    });
    const bundle = await packBundle(STALLED);
    host.set('bundle', bundle.subarray(0, bundle.length / 2));
    const evidence = createEvidence({
      target: 'devvm' as TargetName,
      ssh,
      dataDir: path.join(well.dir, 'kept'),
      journal: createMemoryJournal(),
      logger: silent,
    });
    const by = { type: 'operator', name: 'anna' } as const;
    await evidence.collect({
      id: ID,
      verb: 'forensics',
      by,
      ssh: { reading: 'works', detail: '' },
      beganAtMs: Date.now(),
    });
    const found = expectOnly(
      await well.look({ ...HOST_ONLY, host: { evidence: () => evidence.list() } }),
      'power-evidence',
      'broken',
    );
    expect(found.detail).toContain(ID);
  });

  test('power-evidence: none was ever kept, or it is old', async () => {
    expectOnly(
      await well.look({ ...HOST_ONLY, host: { evidence: async () => [] } }),
      'power-evidence',
      'doubtful',
    );
    const later = { now: () => Date.now() + 91 * 86_400_000 };
    expect(
      expectOnly(await well.look({ ...HOST_ONLY, host: later }), 'power-evidence', 'doubtful').detail,
    ).toContain('91 days ago');
  });
});

describe('the key', () => {
  const LOGINS: readonly LinkCode[] = [
    ...VM_LOGINS,
    'power-login',
    'power-junk',
    'power-status',
    ...OF_STATUS,
  ];
  const keyed = async (make: (file: string) => void): Promise<Link> => {
    const file = path.join(well.dir, `key-${crypto.randomUUID()}`);
    make(file);
    return expectOnly(await well.look({ keys: [file] }), 'ssh-key', 'broken', LOGINS);
  };
  const keygen = (file: string, passphrase: string): void =>
    void execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', file]);

  test('is not there', async () => {
    expect((await keyed(() => undefined)).remedy).toContain('ssh-keygen -t ed25519');
  });

  test('is open to others', async () => {
    const found = await keyed((file) => {
      keygen(file, '');
      chmodSync(file, 0o644);
    });
    expect(found.detail).toContain('mode 644');
    expect(found.remedy).toMatch(/^`chmod 600 \S+`$/);
  });

  test('has a passphrase that nobody types', async () => {
    expect((await keyed((file) => keygen(file, 'secret passphrase'))).detail).toContain('has a passphrase');
  });

  test('is no key', async () => {
    const found = await keyed((file) => writeFileSync(file, 'not a key, but a secret\n', { mode: 0o600 }));
    expect(found.detail).toContain('is not a private key that ssh understands');
    expect(JSON.stringify(found)).not.toContain('secret');
  });
});

describe('an examination changes nothing', () => {
  const tree = (dir: string): string =>
    execFileSync(
      'sh',
      ['-c', 'find . -type f ! -path "*/log/*" ! -name "*.reading" -printf "%p %s %T@\\n" | sort'],
      { cwd: dir, encoding: 'utf8' },
    );

  test.each(['with its pins', ''])('known hosts %s are the same bytes before and after', async (pins) => {
    const text = pins === '' ? '' : readFileSync(well.knownHosts, 'utf8');
    write(well.knownHosts, text);
    await well.look();
    expect(readFileSync(well.knownHosts, 'utf8')).toBe(text);
  });

  test('no file of known hosts is made where there is none', async () => {
    const knownHostsFile = path.join(well.dir, 'no-such-file');
    const links = await well.look({ ...VM_ONLY, vm: { ssh: { ...well.vmParts.ssh, knownHostsFile } } });
    expect(changes(links, whenWell)).toEqual({ 'vm-host-key': 'doubtful' });
    expect(() => readFileSync(knownHostsFile)).toThrow('ENOENT');
  });

  test('on the power host nothing is captured and nothing is asked but status and the word that is none', async () => {
    const host = await startPowerHost();
    onTestFinished(() => host.stop());
    appendFileSync(well.knownHosts, pinOf('small-host', `${host.dir}/host_key.pub`));
    await well.look({
      host: {
        powerHost: { host: host.host, port: host.port, user: host.user },
        ssh: { ...well.hostParts.ssh, keyPath: host.keyPath, alias: 'small-host' },
      },
      keys: [well.vm.keyPath, host.keyPath],
    });
    expect(host.calls()).toEqual([NO_VERB, 'status']);
    const before = tree(path.join(well.hostRoot, 'state'));
    await well.look();
    expect(tree(path.join(well.hostRoot, 'state'))).toBe(before);
  });

  test('nothing is left behind where sockets and logs are', async () => {
    const { controlDir = '' } = well.vmParts.ssh;
    await well.look(VM_ONLY);
    expect(execFileSync('ls', ['-A', controlDir], { encoding: 'utf8' })).toBe('');
  });

  test('no verdict holds a secret', async () => {
    const links = await well.look();
    const secret = readFileSync(well.vm.keyPath, 'utf8').split('\n')[2] ?? '';
    expect(secret.length).toBeGreaterThan(20);
    expect(JSON.stringify(links)).not.toContain(secret);
  });
});

test('a VM of the fixtures with nothing in front of its programs is well, so that only what is broken differs', async () => {
  const vm = await well.vmWith({});
  onTestFinished(() => vm.stop());
  expect(changes(await well.look(vmAt(vm.port)), whenWell)).toEqual({});
});
