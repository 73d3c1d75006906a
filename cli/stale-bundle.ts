// Whoever updates the sources and does not build goes on running what was built before, without knowing it.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const ROOMS = ['server', 'protocol', 'cli'];

/**
 * A source file (its path below the package) changed after `running` was built; null where none did or where `running` is a source. A
 * process of its own looks at the hundreds of files: the server answers its first requests meanwhile, and holds no memory for it.
 */
export async function sourcesNewerThan(running: string, root: string): Promise<string | null> {
  if (!running.endsWith('.js')) return null;
  const tests = ['-name', '*.ts', '!', '-name', '*.test.ts', '-newer', running];
  // A package without its sources (a container) has none that could be newer.
  const { stdout } = await promisify(execFile)('find', [...ROOMS, ...tests, '-print', '-quit'], {
    cwd: root,
  }).catch((failed: { readonly stdout?: string }) => ({ stdout: failed.stdout ?? '' }));
  return stdout.split('\n')[0] || null;
}
