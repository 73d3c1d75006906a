// What an image contains of Breakglass, copied out of a checkout in which `npm ci` has run. The bundle has every package in it but one: the
// agent's SDK, of which the module for Node and the program for this processor are needed.
// Usage: node deploy/container/collect.ts DIRECTORY. The directory becomes the root of a file system.
import { chmodSync, cpSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const HOME = 'opt/breakglass';
const ANTHROPIC = 'node_modules/@anthropic-ai';

const WHAT_RUNS = [
  'package.json',
  'LICENSE',
  'CHANGELOG.md',
  'dist',
  'web/dist',
  'agents',
  'knowledge',
  'host',
  'deploy/entrypoint.sh',
  ...['package.json', 'sdk.mjs', 'README.md', 'LICENSE.md'].map(
    (file) => `${ANTHROPIC}/claude-agent-sdk/${file}`,
  ),
  // glibc's: the base is Debian.
  `${ANTHROPIC}/claude-agent-sdk-linux-${process.arch}`,
];

/** Fills the directory, which must not exist yet. */
export function collect(directory: string): void {
  const at = (name: string): string => path.join(directory, name);
  for (const name of WHAT_RUNS)
    cpSync(path.join(root, name), at(`${HOME}/${name}`), {
      recursive: true,
      errorOnExist: true,
      filter: (file) => !/\.test\.ts$|\/host\/test(\/|$)/.test(file),
    });
  mkdirSync(at('usr/local/bin'), { recursive: true });
  cpSync(path.join(root, `node_modules/node-linux-${process.arch}/bin/node`), at('usr/local/bin/node'));
  cpSync(path.join(root, 'deploy/container/healthy'), at('usr/local/bin/healthy'));
  // The command, for people with a shell in the container.
  chmodSync(at(`${HOME}/dist/breakglass.js`), 0o755);
  symlinkSync(`/${HOME}/dist/breakglass.js`, at('usr/local/bin/breakglass'));
}

const [, program, directory] = process.argv;
if (program === import.meta.filename) {
  if (directory === undefined) {
    console.error('Usage: node deploy/container/collect.ts DIRECTORY');
    process.exit(2);
  }
  collect(path.resolve(directory));
}
