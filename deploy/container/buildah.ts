// buildah with a store of its own, so that nobody's images are touched. vfs and chroot need nothing of the kernel that a container in which
// the tests run might not have.
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';

const CACHE = path.join(
  process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache'),
  'breakglass-lab',
  'container',
);
const STORE = [
  '--root',
  path.join(CACHE, 'store'),
  '--runroot',
  path.join(CACHE, 'run'),
  '--storage-driver',
  'vfs',
];

/** What it printed. Throws with its own words. */
export async function buildah(...args: readonly string[]): Promise<string> {
  mkdirSync(CACHE, { recursive: true });
  const { stdout } = await execa('buildah', [...STORE, ...args], { env: { BUILDAH_ISOLATION: 'chroot' } });
  return stdout;
}
