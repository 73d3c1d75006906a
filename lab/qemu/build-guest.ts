// Builds the guest of the real lab: a kernel and an initramfs of busybox, bash, dropbear, modules and the scripts in guest/. Cached
// below ~/.cache/breakglass-lab by what went into it; keys come later, in a second archive behind this one.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { type ArchiveFile, cpioArchive, directoriesAbove } from './cpio.ts';
import { fetchKernel, type Kernel, type MachineKind, modulesInOrder } from './kernel.ts';
import { ensurePackages, packageVersion } from './packages.ts';

export interface Guest {
  readonly kernel: string;
  /** Compressed; a key archive goes behind it. */
  readonly initramfs: string;
}

const VIRTIO_MODULES = [
  'virtio_pci',
  'virtio_net',
  'virtio_blk',
  'virtio_console',
  'virtio_balloon',
  'pvpanic_pci',
] as const;

/** Loaded in this order, each after what it needs. */
const MODULES: Readonly<Record<MachineKind, readonly string[]>> = {
  virtio: VIRTIO_MODULES,
  'two-disks': VIRTIO_MODULES,
  lsi: [
    'virtio_pci',
    'virtio_net',
    'virtio_console',
    'virtio_balloon',
    'pvpanic_pci',
    'crc32c_generic',
    'sym53c8xx',
    'virtio_scsi',
    'sd_mod',
    'ext4',
  ],
};

const SCRIPTS = path.join(import.meta.dirname, 'guest');
const DROPBEAR = '/usr/sbin/dropbear';
const BUSYBOX = '/bin/busybox';
/** Essential in Debian. busybox's own shell runs its applets whatever PATH says, and its timeout signals no group. */
const PROGRAMS = {
  [DROPBEAR]: 'bin/dropbear',
  '/bin/dash': 'bin/sh',
  '/bin/bash': 'bin/bash',
  '/usr/bin/timeout': 'bin/timeout',
} as const;

const TEXTS: Readonly<Record<string, string>> = {
  // dropbear lets nobody in whose shell is not listed.
  'etc/shells': '/bin/login-shell\n',
  'etc/passwd': [
    'root:*:0:0:root:/root:/bin/login-shell',
    'breakglass:*:0:0:repair:/home/breakglass:/bin/login-shell',
    'breakglass-observer:*:1001:1001:observer:/home/breakglass-observer:/bin/login-shell',
    '',
  ].join('\n'),
  'etc/group': 'root:x:0:\nbreakglass-observer:x:1001:\n',
  'etc/hostname': 'devvm\n',
};

const guestCache = (): string =>
  path.join(process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'), 'breakglass-lab');

/** Milliseconds when it is in the cache, some seconds and a download of up to 70 MB when not. */
export async function buildGuest(kind: MachineKind, say: (line: string) => void): Promise<Guest> {
  await ensurePackages(say);
  const cache = guestCache();
  const kernel = await fetchKernel(kind, cache, say);
  const initramfs = path.join(cache, `${kind}-${await fingerprint(kind, kernel)}.cpio.gz`);
  if (!existsSync(initramfs)) {
    say('building the guest');
    mkdirSync(cache, { recursive: true });
    const fresh = `${initramfs}.${process.pid}`;
    writeFileSync(fresh, gzipSync(await archive(kind, kernel)));
    renameSync(fresh, initramfs);
  }
  return { kernel: kernel.image, initramfs };
}

async function fingerprint(kind: MachineKind, kernel: Kernel): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([kernel.id, MODULES[kind], TEXTS]));
  for (const name of ['busybox-static', 'dropbear-bin', 'dash', 'bash', 'coreutils', 'libc6'])
    hash.update(await packageVersion(name));
  for (const name of readdirSync(SCRIPTS).sort())
    hash.update(name).update(readFileSync(path.join(SCRIPTS, name)));
  return hash.digest('hex').slice(0, 16);
}

async function archive(kind: MachineKind, kernel: Kernel): Promise<Buffer> {
  const modules = await modulesInOrder(kernel, MODULES[kind]);
  const { stdout: applets } = await execa(BUSYBOX, ['--list']);
  const { stdout: libraries } = await execa('ldd', Object.keys(PROGRAMS));
  const scripts = readdirSync(SCRIPTS);
  const own = new Set([...scripts, 'sh', 'bash', 'timeout']);
  const libraryFiles = new Set([...libraries.matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => file));
  const files: ArchiveFile[] = [
    { path: 'bin/busybox', kind: 'file', content: readFileSync(BUSYBOX) },
    ...Object.entries(PROGRAMS).map(
      ([file, name]): ArchiveFile => ({ path: name, kind: 'file', content: readFileSync(file) }),
    ),
    // `libz.so.1 => /lib/…/libz.so.1 (0x…)`, and the loader by its path alone.
    ...[...libraryFiles].map(
      (file): ArchiveFile => ({
        path: file.slice(1),
        kind: 'file',
        content: readFileSync(realpathSync(file)),
      }),
    ),
    ...applets
      .split('\n')
      .filter((name) => name !== 'busybox' && !own.has(name))
      .map((name): ArchiveFile => ({ path: `bin/${name}`, kind: 'link', content: 'busybox' })),
    ...scripts.map(
      (name): ArchiveFile => ({
        path: name === 'init' ? 'init' : name.startsWith('rc.') ? `sbin/${name}` : `bin/${name}`,
        kind: 'file',
        content: readFileSync(path.join(SCRIPTS, name)),
      }),
    ),
    ...Object.entries(TEXTS).map(
      ([name, content]): ArchiveFile => ({ path: name, kind: 'file', content, mode: 0o644 }),
    ),
    { path: 'etc/modules', kind: 'file', content: modules.map(({ name }) => `${name}\n`).join('') },
    ...modules.map(
      ({ name, content }): ArchiveFile => ({ path: `lib/modules/${name}`, kind: 'file', content }),
    ),
  ];
  const empty = ['proc', 'sys', 'dev', 'run', 'data', 'tmp', 'root'].map(
    (name): ArchiveFile => ({ path: name, kind: 'directory' }),
  );
  return cpioArchive([...directoriesAbove(files.map((file) => file.path)), ...empty, ...files]);
}

/** What makes a guest somebody's: who may log in, and its host key in dropbear's format. */
export function keyArchive(publicKey: string, hostKey: Buffer): Buffer {
  const line = `${publicKey.trim()}\n`;
  const files: ArchiveFile[] = [
    ...['home/breakglass', 'home/breakglass-observer'].map(
      (home): ArchiveFile => ({
        path: `${home}/.ssh/authorized_keys`,
        kind: 'file',
        content: line,
        mode: 0o644,
      }),
    ),
    { path: 'etc/dropbear/host_key', kind: 'file', content: hostKey, mode: 0o600 },
  ];
  return cpioArchive([...directoriesAbove(files.map((file) => file.path)), ...files]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const kind of ['virtio', 'two-disks', 'lsi'] as const)
    console.log(JSON.stringify(await buildGuest(kind, (line) => console.error(line))));
}
