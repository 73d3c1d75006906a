// What Node compiled, and stripped of types, is kept for the next process: a console that is started from the sources costs 0.9 s of a
// core instead of 1.6 s, and the tests start hundreds of programs. vitest.config.ts and test/run.ts turn it on, for themselves and for
// what inherits their environment; whoever makes an environment of its own hands it on. Benchmarks go without.
import path from 'node:path';

const NAME = 'NODE_COMPILE_CACHE';
const DIRECTORY = path.resolve(import.meta.dirname, '../../node_modules/.cache/compiled-for-tests');

export function keepCompiled(): void {
  process.env[NAME] ??= DIRECTORY;
}

/** For the environment of a process that runs our sources. The bundle has a cache of its own. */
export function compileCache(): Readonly<Record<string, string>> {
  const directory = process.env[NAME];
  return directory === undefined ? {} : { [NAME]: directory };
}
