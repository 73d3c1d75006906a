// Where this package lies, and its version. The same from the sources and from the bundle, whose files lie elsewhere below it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const packageRoot: string = find(import.meta.dirname);

function find(dir: string): string {
  if (existsSync(path.join(dir, 'package.json'))) return dir;
  const above = path.dirname(dir);
  if (above === dir)
    throw new Error('there is no package.json above this file: the checkout is not complete');
  return find(above);
}

export const packageVersion = (): string =>
  (JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
