// Debian's kernels, fetched and unpacked into the cache: nothing is installed, so nobody's boot loader is touched.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { MissingPackagesError } from './packages.ts';

/** The cloud kernel boots in half the time; only the general one has a driver for the `lsi` controller. */
const META_PACKAGE = {
  virtio: 'linux-image-cloud-amd64',
  'two-disks': 'linux-image-cloud-amd64',
  lsi: 'linux-image-amd64',
} as const;

export type MachineKind = keyof typeof META_PACKAGE;

export interface Kernel {
  /** Package and version, a name for the cache. */
  readonly id: string;
  readonly image: string;
  /** The directory that holds all modules, in directories of its own. */
  readonly modules: string;
}

export async function fetchKernel(
  kind: MachineKind,
  cache: string,
  say: (line: string) => void,
): Promise<Kernel> {
  const { name, version } = await newest(META_PACKAGE[kind], say);
  const id = `${name}_${version}`.replace(/[^\w.+~-]/g, '_');
  const dir = path.join(cache, id);
  if (!existsSync(dir)) {
    say(`fetching ${name} ${version}`);
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(path.join(cache, '.new-'));
    try {
      await execa('apt-get', ['download', name], { cwd: fresh });
      const deb = readdirSync(fresh).find((file) => file.endsWith('.deb'));
      if (deb === undefined) throw new MissingPackagesError(`apt-get download ${name} brought no package`);
      await execa('dpkg-deb', ['-x', deb, 'tree'], { cwd: fresh });
      keep(path.join(fresh, 'tree'), dir);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  const image = readdirSync(path.join(dir, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`${dir} holds no kernel`);
  const lib = ['lib/modules', 'usr/lib/modules'].map((name) => path.join(dir, name)).find(existsSync);
  if (lib === undefined) throw new Error(`${dir} holds no modules`);
  return { id, image: path.join(dir, 'boot', image), modules: lib };
}

async function newest(meta: string, say: (line: string) => void): Promise<{ name: string; version: string }> {
  const look = async () => {
    const { stdout } = await execa('apt-cache', ['depends', meta], { reject: false });
    return /Depends: (linux-image-\S+)/.exec(stdout ?? '')?.[1];
  };
  let name = await look();
  if (name === undefined && process.getuid?.() === 0) {
    say('updating the package lists');
    await execa('apt-get', ['update'], { reject: false });
    name = await look();
  }
  if (name === undefined)
    throw new MissingPackagesError(`apt does not know ${meta}. Run as root:\n  apt-get update`);
  const { stdout } = await execa('apt-cache', ['show', '--no-all-versions', name]);
  return { name, version: /^Version: (\S+)/m.exec(stdout)?.[1] ?? 'unknown' };
}

/** Another build may have been faster. */
function keep(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

export interface Module {
  readonly name: string;
  readonly content: Buffer;
}

/**
 * The named modules and what they depend on, in an order in which they can be loaded. A name without a file is built into
 * the kernel, or not there at all: the guest shows which.
 */
export async function modulesInOrder(kernel: Kernel, names: readonly string[]): Promise<readonly Module[]> {
  const files = new Map<string, string>();
  for (const file of readdirSync(kernel.modules, { recursive: true, encoding: 'utf8' })) {
    const match = /([^/]+)\.ko(\.xz)?$/.exec(file);
    if (match?.[1] !== undefined) files.set(match[1].replaceAll('-', '_'), path.join(kernel.modules, file));
  }
  const loaded = new Map<string, Module>();
  const load = async (given: string): Promise<void> => {
    const name = given.replaceAll('-', '_');
    const file = files.get(name);
    if (file === undefined || loaded.has(name)) return;
    const content = file.endsWith('.xz')
      ? Buffer.from((await execa('xz', ['-dc', file], { encoding: 'buffer' })).stdout)
      : readFileSync(file);
    for (const needed of dependencies(content)) await load(needed);
    loaded.set(name, { name: `${name}.ko`, content });
  };
  for (const name of names) await load(name);
  return [...loaded.values()];
}

/** From the module's .modinfo section: `depends=a,b`. */
function dependencies(content: Buffer): readonly string[] {
  const text = content.toString('latin1');
  return (/\0depends=([^\0]*)\0/.exec(text)?.[1] ?? '').split(',').filter(Boolean);
}
