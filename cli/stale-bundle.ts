// Whoever updates the sources and does not build goes on running what was built before, without knowing it.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

const ROOMS = ['server', 'protocol', 'cli'];

/** A source file (its path below the package) changed after `running` was built; null where none did or where `running` is a source. */
export function sourcesNewerThan(running: string, root: string): string | null {
  if (!running.endsWith('.js')) return null;
  const built = statSync(running).mtimeMs;
  for (const room of ROOMS)
    for (const entry of listed(path.join(root, room))) {
      if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) continue;
      const file = path.join(room, entry);
      if (statSync(path.join(root, file)).mtimeMs > built) return file;
    }
  return null;
}

/** A package without its sources (a container) has none that could be newer. */
function listed(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}
