// find around the interpreter's own: past closed directories, which that one does not survive; on one filesystem if told so; and
// with a word about what it cannot print.
import type { ExecResult } from 'just-bash';
import type { Files } from './files.ts';

/** What the interpreter's own can print of a file. */
const DIRECTIVES = /%[^%pPfhsmdMTt]/g;
const MISSING = /^bash: (.*): command not found$/gm;

export const withoutXdev = (args: readonly string[]): string[] =>
  args.filter((arg) => arg !== '-xdev' && arg !== '-mount');

/** `run`: the interpreter's own, with what it understands of the arguments. */
export const find = async (
  args: readonly string[],
  files: Files,
  cwd: string,
  run: () => Promise<ExecResult>,
): Promise<ExecResult> => {
  const root = files.resolvePath(cwd, args[0]?.startsWith('-') ? '.' : (args[0] ?? '.'));
  const stays = withoutXdev(args).length < args.length;
  // Where it is not, find says so.
  const mount = stays ? await files.mountOf(root).catch(() => undefined) : undefined;
  const walk = { mount, refused: [] as string[] };
  files.walk = walk;
  const result = await run().finally(() => {
    files.walk = undefined;
  });
  const at = args.indexOf('-printf');
  const strange = at < 0 ? [] : (args[at + 1]?.match(DIRECTIVES) ?? []);
  const warned = strange.map((each) => `find: warning: unrecognized format directive '${each}'\n`).join('');
  const refused = walk.refused.map((path) => `find: '${path}': Permission denied\n`).join('');
  // What -exec does not find does not make find fail.
  const stderr = result.stderr.replaceAll(MISSING, "find: '$1': No such file or directory");
  const exitCode = stderr === result.stderr ? result.exitCode : 0;
  return { ...result, stderr: warned + refused + stderr, exitCode: refused === '' ? exitCode : 1 };
};
