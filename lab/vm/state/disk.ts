// Lays the guest's disk: filesystems, the plain Debian tree, homes, programs, then what the scenario adds. Sizes named `rest`
// come last, when all the others are known.
import type { FileSeed } from '../seed.ts';
import { type Credentials, ROOT } from './credentials.ts';
import { baseFiles, EMPTY_DIRECTORIES } from './debian.ts';
import type { GuestFacts } from './guest-view.ts';
import { BLOCK, type Inode, parentOf } from './inode.ts';
import { SBIN_PROGRAMS, USER_PROGRAMS } from './program-names.ts';
import { Tree } from './tree.ts';

export const layDisk = (guest: GuestFacts): Tree => {
  const { seed } = guest;
  // Whole blocks, so that a full disk is full to the last one.
  const whole = (bytes: number): number => Math.floor(bytes / BLOCK) * BLOCK;
  const [root, ...others] = seed.filesystems.map((fs) => ({
    ...fs,
    sizeBytes: whole(fs.sizeBytes),
    reservedBytes: whole(fs.reservedBytes ?? 0),
  }));
  if (!root) throw new Error('a guest needs a root filesystem');
  const tree = new Tree({ options: 'rw,relatime,errors=remount-ro', ...root }, guest.now);
  const birth = { mtimeMs: guest.now() - 190 * 86_400_000 };
  for (const path of EMPTY_DIRECTORIES) tree.makeDirs(path, ROOT, birth);
  for (const name of ['bin', 'sbin', 'lib'])
    tree.place(`/${name}`, 'link', ROOT, birth, { target: `usr/${name}` });
  mountVirtual(tree);
  for (const fs of others) {
    tree.makeDirs(fs.mount, ROOT, birth);
    tree.mount({ options: 'rw,relatime', ...fs });
  }
  tree.change('/root', ROOT, { mode: 0o700 });
  tree.change('/var/tmp', ROOT, { mode: 0o1777 });
  for (const name of USER_PROGRAMS) program(tree, `/usr/bin/${name}`, birth);
  for (const name of SBIN_PROGRAMS) program(tree, `/usr/sbin/${name}`, birth);
  for (const user of guest.users) {
    if (user.home.startsWith('/home/'))
      tree.makeDir(user.home, ROOT, { mode: 0o750, uid: user.uid, gid: user.gid });
  }
  layAccounts(guest, tree);
  const files = [...baseFiles(seed.hostname), ...seed.files];
  for (const file of files) if (file.size !== 'rest') layFile(guest, tree, file);
  for (const file of files) if (file.size === 'rest') layFile(guest, tree, file);
  age(tree.root, birth.mtimeMs);
  return tree;
};

/** A directory changed when the newest thing in it came. */
const age = (node: Inode, birthMs: number): number => {
  if (node.kind !== 'dir') return node.mtimeMs;
  node.mtimeMs = Math.max(
    birthMs,
    ...[...node.entries.values()].map((child) => age(child, birthMs)).filter((ms) => ms < node.mtimeMs),
  );
  return node.mtimeMs;
};

const mountVirtual = (tree: Tree): void => {
  const MIB = 1024 * 1024;
  const mounts = [
    {
      source: 'sysfs',
      mount: '/sys',
      type: 'sysfs',
      options: 'rw,nosuid,nodev,noexec,relatime',
      sizeBytes: 0,
    },
    {
      source: 'proc',
      mount: '/proc',
      type: 'proc',
      options: 'rw,nosuid,nodev,noexec,relatime',
      sizeBytes: 0,
    },
    {
      source: 'udev',
      mount: '/dev',
      type: 'devtmpfs',
      options: 'rw,nosuid,relatime,mode=755',
      sizeBytes: 3_960 * MIB,
    },
    {
      source: 'tmpfs',
      mount: '/run',
      type: 'tmpfs',
      options: 'rw,nosuid,nodev,noexec,relatime,mode=755',
      sizeBytes: 795 * MIB,
    },
  ];
  for (const fs of mounts) tree.mount({ ...fs, reservedBytes: 0 });
  tree.makeDirs('/tmp', ROOT);
  tree.change('/tmp', ROOT, { mode: 0o1777 });
  for (const name of [
    'null',
    'zero',
    'full',
    'random',
    'urandom',
    'tty',
    'console',
    'kmsg',
    'sda',
    'sda1',
    'stdin',
    'stdout',
    'stderr',
  ]) {
    tree.place(
      `/dev/${name}`,
      'device',
      ROOT,
      {
        mode: name.startsWith('sda') || name === 'kmsg' || name === 'console' ? 0o660 : 0o666,
        gid: name.startsWith('sda') ? 6 : 0,
      },
      {},
    );
  }
};

const program = (tree: Tree, path: string, at: { mtimeMs: number }): void => {
  const node = tree.open(path, ROOT, false, { mode: path.endsWith('/sudo') ? 0o4755 : 0o755, ...at });
  node.size = 35_000 + path.length * 4_711;
};

const layAccounts = (guest: GuestFacts, tree: Tree): void => {
  const passwd = guest.users.map(
    (user) => `${user.name}:x:${user.uid}:${user.gid}:${user.gecos}:${user.home}:${user.shell}\n`,
  );
  const group = guest.groups.map(({ name, gid }) => {
    const members = guest.users.filter((user) => user.groups.includes(gid)).map((user) => user.name);
    return `${name}:x:${gid}:${members.join(',')}\n`;
  });
  text(tree, '/etc/passwd', passwd.join(''), 0o644);
  text(tree, '/etc/group', group.join(''), 0o644);
  const repair = guest.users.find((user) => user.uid !== 0 && user.sudo === 'all');
  text(
    tree,
    '/etc/sudoers',
    'Defaults\tenv_reset\nDefaults\tsecure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"\nroot\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n',
    0o440,
  );
  if (repair) text(tree, '/etc/sudoers.d/breakglass', `${repair.name} ALL=(ALL:ALL) NOPASSWD: ALL\n`, 0o440);
  const root = guest.seed.filesystems[0];
  text(
    tree,
    '/etc/fstab',
    `UUID=2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52 / ${root?.type ?? 'ext4'} errors=remount-ro 0 1\n/dev/sda5 none swap sw 0 0\n`,
    0o644,
  );
};

/** The accounts were made some time after the installation. */
const SETUP_AGO_MS = 160 * 86_400_000;

const text = (tree: Tree, path: string, content: string, mode: number): void => {
  const node = tree.write(path, new TextEncoder().encode(content), ROOT, { mode });
  node.mtimeMs = tree.root.mtimeMs - SETUP_AGO_MS;
};

const layFile = (guest: GuestFacts, tree: Tree, seed: FileSeed): void => {
  const uid = guest.user(seed.owner ?? 'root')?.uid ?? 0;
  const gid = guest.groups.find((group) => group.name === (seed.group ?? seed.owner ?? 'root'))?.gid ?? 0;
  const at = {
    uid,
    gid,
    mtimeMs: guest.now() - (seed.agoS ?? 0) * 1000,
    ...(seed.mode === undefined ? {} : { mode: seed.mode }),
  };
  if (seed.directory) {
    tree.makeDirs(seed.path, ROOT, at);
    tree.change(seed.path, ROOT, at);
    return;
  }
  tree.makeDirs(parentOf(seed.path), ROOT, { mtimeMs: at.mtimeMs, ...ownerOf(seed, uid, gid) });
  const node = tree.write(seed.path, new TextEncoder().encode(seed.content ?? ''), ROOT, at);
  const anyone: Credentials = { uid: 65_534, gid: 65_534, groups: [] };
  if (seed.size === 'rest') node.size += Math.max(0, tree.free(node.fs, anyone));
  else if (seed.size !== undefined) node.size = Math.max(seed.size, node.data.length);
  node.mtimeMs = at.mtimeMs;
};

/** A directory of an application belongs to it, like its files. */
const ownerOf = (seed: FileSeed, uid: number, gid: number): { uid?: number; gid?: number } =>
  seed.owner === undefined || seed.owner === 'root' ? {} : { uid, gid };
