// The installer of the console, on the file system of another machine (--root): a bare Debian, as far as an installer looks at it.
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseEnvironment } from '../../server/config/environment-file.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { tempDir } from '../support/temp-dir.ts';

const root = path.resolve(import.meta.dirname, '../..');
const ASKED = ['--vm', '10.0.10.10', '--power-host', 'pve.example', '--vmid', '102'];

/** As a release is: what runs, with a Node, and without what only development needs. */
function release(): string {
  const dir = path.join(tempDir(), 'breakglass');
  for (const part of [
    'package.json',
    'package-lock.json',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'web/dist',
    'agents',
    'knowledge',
    'host',
    'docs',
    'deploy',
  ])
    cpSync(path.join(root, part), path.join(dir, part), { recursive: true });
  // Which program it is does not matter to whoever only puts it in place.
  mkdirSync(path.join(dir, 'dist'));
  copyFileSync(path.join(root, 'cli/breakglass.ts'), path.join(dir, 'dist/breakglass.js'));
  mkdirSync(path.join(dir, 'node_modules/.bin'), { recursive: true });
  symlinkSync(process.execPath, path.join(dir, 'node_modules/.bin/node'));
  return dir;
}

function debian(): string {
  const dir = tempDir();
  for (const made of ['etc/systemd/system', 'usr/bin', 'var/lib', 'opt', 'usr/local'])
    mkdirSync(path.join(dir, made), { recursive: true });
  writeFileSync(
    path.join(dir, 'etc/os-release'),
    'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\n',
  );
  writeFileSync(path.join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/bash\n');
  writeFileSync(path.join(dir, 'etc/group'), 'root:x:0:\n');
  writeFileSync(path.join(dir, 'etc/shadow'), 'root:*:19000:0:99999:7:::\n', { mode: 0o640 });
  writeFileSync(path.join(dir, 'etc/gshadow'), 'root:*::\n', { mode: 0o640 });
  // As Debian ships it: a user's own group goes with the user.
  writeFileSync(path.join(dir, 'etc/login.defs'), 'USERGROUPS_ENAB yes\n');
  writeFileSync(path.join(dir, 'usr/bin/systemctl'), '#!/bin/sh\n', { mode: 0o755 });
  return dir;
}

function install(from: string, at: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(path.join(from, 'deploy/install'), ['--root', at, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  return { status, stdout, stderr };
}

/** Everything below it: kind, mode, owner, where links lead, what is in files. useradd's own locks and copies are no change of ours. */
const tree = (at: string): string =>
  execFileSync(
    'bash',
    [
      '-c',
      `find . ! -path './etc/*-' ! -name '*.lock' \\( -type d -printf '%p %y %m %U %G\\n' -o -printf '%p %y %m %U %G %l\\n' \\) | sort
       find . -type f ! -path './etc/*-' ! -name '*.lock' -print0 | sort -z | xargs -0 sha256sum`,
    ],
    { cwd: at, encoding: 'utf8' },
  );
const mode = (file: string): string =>
  execFileSync('stat', ['-c', '%a %U', file], { encoding: 'utf8' }).trim();

const reason = process.getuid?.() === 0 ? undefined : 'not root';

describe.skipIf(reason !== undefined)(`deploy/install${skippedBecause(reason)}`, () => {
  test.each([
    ['nothing at the first time', [], /--vm, --power-host and --vmid are needed/],
    ['VM 0', [...ASKED, '--vmid', '0'], /--vmid needs/],
    ['an address that is an option', [...ASKED, '--vm', '-oProxyCommand=x'], /--vm needs an address/],
    ['a port of root', [...ASKED, '--port', '443'], /1024 to 65535/],
    ['an account that is none', [...ASKED, '--observer-user', 'a b'], /--observer-user needs/],
    ['an unknown option', ['--force'], /unknown argument --force/],
    ['an option without its value', ['--vm'], /--vm needs a value/],
    ['--purge alone', ['--purge'], /--purge goes with --uninstall/],
    ['--uninstall with more', ['--uninstall', '--vm', 'x'], /--uninstall takes no --vm/],
  ])('%s is refused with exit 2 and a sentence, and nothing changes', (_what, args, message) => {
    const at = debian();
    const before = tree(at);
    const { status, stderr } = install(release(), at, ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
    expect(tree(at)).toBe(before);
  });

  test('--dry-run shows everything but secrets, and changes nothing', () => {
    const at = debian();
    const before = tree(at);
    const { status, stdout } = install(release(), at, '--dry-run', ...ASKED);
    expect(status).toBe(0);
    for (const shown of [
      'account breakglass',
      'breakglass.service',
      'API_BEARER_TOKEN',
      'BREAKGLASS_PVE_VMID=102',
    ])
      expect(stdout).toContain(shown);
    expect(stdout).toMatch(/Dry run: nothing was changed\.$/m);
    expect(tree(at)).toBe(before);
  });

  test('it puts everything in place, once; a second run finds nothing to change', () => {
    const at = debian();
    const from = release();
    const { status, stdout, stderr } = install(from, at, ...ASKED);
    expect([status, stderr]).toEqual([0, '']);
    const program = path.join(at, 'opt/breakglass', readlinkSync(path.join(at, 'opt/breakglass/current')));
    expect(existsSync(path.join(program, 'dist/breakglass.js'))).toBe(true);
    expect(readFileSync(path.join(at, 'etc/systemd/system/breakglass.service'), 'utf8')).toBe(
      readFileSync(path.join(root, 'deploy/systemd/breakglass.service'), 'utf8'),
    );
    for (const file of ['environment', 'id_ed25519', 'secrets/API_BEARER_TOKEN'])
      expect([file, mode(path.join(at, 'etc/breakglass', file))]).toEqual([file, '600 root']);
    expect(mode(path.join(at, 'etc/breakglass/secrets'))).toBe('700 root');
    const token = readFileSync(path.join(at, 'etc/breakglass/secrets/API_BEARER_TOKEN'), 'utf8');
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(stdout).not.toContain(token);
    // The console reads it as systemd does.
    const environment = path.join(at, 'etc/breakglass/environment');
    expect(parseEnvironment(readFileSync(environment, 'utf8'), environment)).toEqual({
      BREAKGLASS_DEVVM_HOST: '10.0.10.10',
      BREAKGLASS_PVE_HOST: 'pve.example',
      BREAKGLASS_PVE_VMID: '102',
      BREAKGLASS_PVE_USER: 'breakglass',
      BREAKGLASS_DEVVM_OBSERVER_USER: 'breakglass-observer',
    });
    const publicKey = readFileSync(path.join(at, 'etc/breakglass/id_ed25519.pub'), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
    expect(stdout).toContain(`echo '${publicKey}' | host/install --vmid 102 --key - --from `);
    expect(stdout).toContain(`echo '${publicKey}' | host/install-vm --key - --from `);
    expect(stdout).toMatch(/systemd does not run/);

    const after = tree(at);
    const again = install(from, at, ...ASKED);
    expect([again.status, again.stdout]).toEqual([0, 'Nothing to change: everything is as asked.\n']);
    expect(tree(at)).toBe(after);
  });

  test('the command carries no token of this machine, which would go to whatever console is named', () => {
    const at = debian();
    install(release(), at, ...ASKED);
    const command = readFileSync(path.join(at, 'usr/local/bin/breakglass'), 'utf8')
      .replaceAll('/etc/breakglass', `${at}/etc/breakglass`)
      .replace(/^exec .*$/m, 'exec env');
    const given = execFileSync('sh', ['-c', command], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    expect(given).toMatch(/^BREAKGLASS_DATA_DIR=\/var\/lib\/breakglass\/data$/m);
    expect(given).not.toMatch(/TOKEN|BREAKGLASS_URL/);
  });

  test('an option changes its line of the settings and leaves what an administrator wrote', () => {
    const at = debian();
    const from = release();
    install(from, at, ...ASKED);
    const environment = path.join(at, 'etc/breakglass/environment');
    appendFileSync(environment, 'BREAKGLASS_POLICY=observe\n');
    const before = readFileSync(environment, 'utf8');
    expect(install(from, at, '--port', '8099', '--vm', 'fd00::7').status).toBe(0);
    expect(readFileSync(environment, 'utf8')).toBe(
      `${before.replace('HOST=10.0.10.10', 'HOST=fd00::7')}BREAKGLASS_PORT=8099\n`,
    );
  });

  test('a secret that an administrator puts beside the others is handed to the service by its name', () => {
    const at = debian();
    const from = release();
    install(from, at, ...ASKED);
    writeFileSync(path.join(at, 'etc/breakglass/secrets/ANTHROPIC_API_KEY'), 'sk-hunter2', { mode: 0o600 });
    const { stdout } = install(from, at);
    expect(stdout).not.toContain('hunter2');
    const dropIn = path.join(at, 'etc/systemd/system/breakglass.service.d/10-secrets.conf');
    expect(readFileSync(dropIn, 'utf8').split('\n').slice(1)).toEqual([
      '[Service]',
      'LoadCredential=ANTHROPIC_API_KEY:/etc/breakglass/secrets/ANTHROPIC_API_KEY',
      'Environment=ANTHROPIC_API_KEY_FILE=%d/ANTHROPIC_API_KEY',
      '',
    ]);
    rmSync(path.join(at, 'etc/breakglass/secrets/ANTHROPIC_API_KEY'));
    install(from, at);
    expect(existsSync(dropIn)).toBe(false);
  });

  test('settings that the service could not start with are named before anything is touched', () => {
    const at = debian();
    const from = release();
    install(from, at, ...ASKED);
    appendFileSync(path.join(at, 'etc/breakglass/environment'), 'API_BEARER_TOKEN=hunter2\n');
    const before = tree(at);
    const { status, stderr } = install(from, at, '--port', '8099');
    expect(status).toBe(1);
    expect(stderr).toMatch(/environment sets API_BEARER_TOKEN.*secrets\/API_BEARER_TOKEN/);
    expect(stderr).not.toContain('hunter2');
    expect(tree(at)).toBe(before);
  });

  test('what a checkout holds of a container’s or a cluster’s secrets is not copied to where everybody can read', () => {
    const at = debian();
    const from = release();
    const secrets = ['deploy/secrets/private_key', 'deploy/kubernetes/overlays/mine/secrets/private_key'];
    for (const file of secrets) {
      mkdirSync(path.join(from, path.dirname(file)), { recursive: true });
      writeFileSync(path.join(from, file), 'hunter2', { mode: 0o600 });
    }
    expect(install(from, at, ...ASKED).status).toBe(0);
    const current = path.join(at, 'opt/breakglass/current');
    const program = path.join(at, 'opt/breakglass', readlinkSync(current));
    for (const file of secrets) expect([file, existsSync(path.join(program, file))]).toEqual([file, false]);
    // What is in place calls itself by the same name, so going back to it finds it.
    expect(install(program, at).stdout).toBe('Nothing to change: everything is as asked.\n');
  });

  test('an update switches the link and keeps the release before, whose own installer goes back', () => {
    const at = debian();
    const programs = path.join(at, 'opt/breakglass');
    const current = () => readlinkSync(path.join(programs, 'current'));
    const from = release();
    install(from, at, ...ASKED);
    const first = current();
    // A run that was cut off left this.
    mkdirSync(path.join(programs, '.new-cutoff'));
    appendFileSync(path.join(from, 'dist/breakglass.js'), '// two\n');
    expect(install(from, at).stdout).toMatch(
      new RegExp(`Back to it: /opt/breakglass/${first}/deploy/install`),
    );
    const second = current();
    expect(second).not.toBe(first);
    expect(readdirSync(programs).toSorted()).toEqual([first, second, 'current'].toSorted());

    expect(install(path.join(programs, first), at).status).toBe(0);
    expect(current()).toBe(first);
    appendFileSync(path.join(from, 'dist/breakglass.js'), '// three\n');
    install(from, at);
    expect(readdirSync(programs).toSorted()).toEqual([first, current(), 'current'].toSorted());
  });

  test.each([
    ['a Proxmox host', 'etc/pve', ASKED, /THIS IS A PROXMOX HOST/],
    [
      'the VM that it is to rescue',
      'mnt',
      [...ASKED, '--vm', '127.0.0.1'],
      /THIS IS THE VM THAT IT IS TO RESCUE/,
    ],
  ])(
    'on %s it refuses loudly, and with --on-this-host-anyway it warns as loudly',
    (_what, dir, args, message) => {
      const at = debian();
      mkdirSync(path.join(at, dir), { recursive: true });
      const before = tree(at);
      const from = release();
      const refused = install(from, at, ...args);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toMatch(message);
      expect(refused.stderr).toMatch(/Not installed\. With --on-this-host-anyway/);
      expect(tree(at)).toBe(before);
      const done = install(from, at, ...args, '--on-this-host-anyway');
      expect(done.status).toBe(0);
      expect(done.stderr).toMatch(message);
      expect(done.stdout).toMatch(/Note: Installed against advice/);
    },
  );

  test.each([
    ['another system', 'ID=alpine\nPRETTY_NAME="Alpine Linux"\n', /Alpine Linux, not Debian.*install-user/],
    [
      'a Debian that is too old',
      'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian 11"\n',
      /systemd 250.*Debian 12/,
    ],
  ])('%s is named with what to do, and nothing changes', (_what, osRelease, message) => {
    const at = debian();
    writeFileSync(path.join(at, 'etc/os-release'), osRelease);
    const before = tree(at);
    const { status, stderr } = install(release(), at, ...ASKED);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(tree(at)).toBe(before);
  });

  test('a Node that does not run here is said before anything is copied', () => {
    const at = debian();
    const from = release();
    const node = path.join(from, 'node_modules/.bin/node');
    rmSync(node);
    writeFileSync(
      node,
      '#!/bin/sh\necho "node: error while loading shared libraries: libatomic.so.1: cannot open" >&2\nexit 127\n',
    );
    chmodSync(node, 0o755);
    const before = tree(at);
    const { status, stderr } = install(from, at, ...ASKED);
    expect(status).toBe(1);
    expect(stderr).toMatch(/apt install libatomic1/);
    expect(tree(at)).toBe(before);
  });

  test('--uninstall leaves what is the administrator’s; with --purge nothing is left at all', () => {
    const at = debian();
    const from = release();
    const bare = tree(at);
    install(from, at, ...ASKED);
    mkdirSync(path.join(at, 'var/lib/breakglass/data'), { recursive: true });
    const installed = tree(at);
    const dry = install(from, at, '--uninstall', '--dry-run');
    expect(dry.stdout).toMatch(/- program .*current/);
    expect(tree(at)).toBe(installed);

    const removed = install(from, at, '--uninstall');
    expect(removed.status).toBe(0);
    expect(removed.stdout).toMatch(/Kept, with the account breakglass/);
    expect(existsSync(path.join(at, 'etc/systemd/system/breakglass.service'))).toBe(false);
    expect(existsSync(path.join(at, 'opt/breakglass'))).toBe(false);
    for (const kept of ['etc/breakglass/environment', 'etc/breakglass/id_ed25519', 'var/lib/breakglass/data'])
      expect(existsSync(path.join(at, kept))).toBe(true);
    expect(readFileSync(path.join(at, 'etc/passwd'), 'utf8')).toContain('breakglass:');

    const purged = install(from, at, '--uninstall', '--purge');
    expect([purged.status, purged.stderr]).toEqual([0, '']);
    expect(tree(at)).toBe(bare);
    expect(install(from, at, '--uninstall').status).toBe(1);
  });
});

// test/deploy/release.test.ts: no node_modules are in an archive.
test('the page has npm installed, which fetches what a release does not hold', () => {
  const page = readFileSync(path.join(root, 'docs/install-debian.md'), 'utf8');
  expect(page).toMatch(/^apt-get update && apt-get install .* npm$/m);
});

/** Runs the installer on this machine, in a mount namespace of its own in which nothing of it is changed, and in which `systemctl` is the given script. */
function installHere(from: string, systemctl: string, ...runs: readonly string[]) {
  const dir = tempDir();
  const fake = path.join(dir, 'systemctl');
  writeFileSync(fake, `#!/bin/bash\necho "$*" >>${dir}/asked\n${systemctl}\n`, { mode: 0o755 });
  const script = `
    mount -t tmpfs tmpfs /mnt && cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc
    rm -rf /etc/breakglass /etc/pve && printf 'ID=debian\\nVERSION_ID="12"\\n' >/etc/os-release
    for place in /opt /usr/local/bin /run; do mount -t tmpfs tmpfs $place; done
    mkdir -p /run/systemd/system && mount --bind ${fake} /usr/bin/systemctl
    ${runs.map((args) => `${from}/deploy/install ${args}; echo "exit $?"`).join('\n')}`;
  const { stdout, stderr } = spawnSync('unshare', ['--mount', 'bash', '-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] },
  });
  const asked = readFileSync(path.join(dir, 'asked'), 'utf8').split('\n');
  return { stdout, stderr, starts: asked.filter((words) => words.startsWith('restart')).length };
}

async function listening(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const whyNotHere =
  reason ?? (existsSync('/usr/bin/systemctl') ? undefined : 'no systemctl that another could stand for');

describe.skipIf(whyNotHere !== undefined)(`on a machine that runs${skippedBecause(whyNotHere)}`, () => {
  const asked = `${ASKED.join(' ').replace('pve.example', '192.0.2.1')} --on-this-host-anyway`;

  test('a service that ends right after its start is no success, and the next run starts it again', () => {
    // As with Type=exec and a setting that is not understood.
    const systemctl = 'if [[ $1 == show ]]; then [[ $* == *NRestarts* ]] && echo 0 || echo failed; fi';
    const { stdout, stderr, starts } = installHere(release(), systemctl, asked, '');
    expect(stderr).toMatch(/The service does not start/);
    expect(stdout).not.toMatch(/The console is installed/);
    expect(stdout.match(/^exit \d$/gm)).toEqual(['exit 1', 'exit 1']);
    expect(starts).toBe(2);
  });

  test('a port that another program has is named, and the service is not started to fight for it', async () => {
    const port = await listening();
    const systemctl = 'if [[ $1 == is-active ]]; then exit 3; fi';
    const { stdout, stderr, starts } = installHere(release(), systemctl, `${asked} --port ${port}`);
    expect(stderr).toMatch(new RegExp(`Another program listens on port ${port} .*--port`));
    expect(stdout).toMatch(/^exit 1$/m);
    expect(starts).toBe(0);
  });

  test('a run that was killed before the service was started is gone on with; then there is nothing to change', async () => {
    const port = await listening();
    const systemctl = `if [[ $1 == show ]]; then [[ $* == *NRestarts* ]] && echo 0 || echo active; fi
      if [[ $1 == restart && ! -e /run/killed ]]; then touch /run/killed; kill -9 $PPID; fi`;
    const { stdout, starts } = installHere(release(), systemctl, `${asked} --port ${port}`, '', '');
    expect(stdout.match(/^exit \d+$/gm)).toEqual(['exit 137', 'exit 0', 'exit 0']);
    expect(stdout).toMatch(/^Everything is in place\. What is left is to start the service\.$/m);
    expect(stdout).toMatch(/^The console is installed/m);
    expect(stdout).toMatch(/^Nothing to change[\s\S]*exit 0\n$/m);
    expect(starts).toBe(2);
  });
});
