// Whoever updates the sources and does not build goes on running what was built before, without knowing it.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

const ROOMS = ['server', 'protocol', 'cli'];

/**
 * A source file (its path below the package) changed after `running` was built; null where none did or where `running` is a source. Looks
 * at hundreds of files while the server answers its first requests, and holds up none of them.
 */
export async function sourcesNewerThan(running: string, root: string): Promise<string | null> {
  if (!running.endsWith('.js')) return null;
  const built = (await stat(running)).mtimeMs;
  for (const room of ROOMS)
    for (const entry of await listed(path.join(root, room))) {
      if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) continue;
      const file = path.join(room, entry);
      if ((await stat(path.join(root, file))).mtimeMs > built) return file;
    }
  return null;
}

/** A package without its sources (a container) has none that could be newer. */
async function listed(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}
