// The environment file: lines NAME=value that count where the environment itself says nothing. systemd reads the same file
// (EnvironmentFile=), so what the two would read differently (quotes, backslashes, blanks around a value) is refused here:
// https://www.freedesktop.org/software/systemd/man/252/systemd.exec.html#EnvironmentFile=
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from './fields.ts';
import { isSecret, namesOf } from './secrets.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface EnvironmentFile {
  readonly path: string;
  /** There is a secret in it, and every user of this machine can read it. */
  readonly showsSecrets: boolean;
}

const EVERYBODY_READS = 0o004;
const EVERYBODY_WRITES = 0o002;

/**
 * The environment with what the file adds to it, and the file; undefined where there is none. The file that is named by
 * BREAKGLASS_ENVIRONMENT must be there, the usual one need not. Throws a `ConfigError` that names file and line, and no value.
 */
export function withEnvironmentFile(
  env: Env,
  usual: string | undefined,
): { readonly env: Env; readonly file: EnvironmentFile | undefined } {
  const named = env['BREAKGLASS_ENVIRONMENT'] || undefined;
  const file = named ?? usual;
  if (file === undefined) return { env, file: undefined };
  let text: string;
  let mode: number;
  try {
    mode = statSync(file).mode;
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (named === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) return { env, file: undefined };
    throw new ConfigError(
      `The environment file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}. Make it readable for the console, or name another one by BREAKGLASS_ENVIRONMENT (/dev/null: none).`,
    );
  }
  const lines = parseEnvironment(text, file);
  // /dev/null, the way to say "none", may be written by everybody.
  if ((mode & EVERYBODY_WRITES) !== 0 && Object.keys(lines).length > 0)
    throw new ConfigError(
      `The environment file ${file} may be written by everybody, who could then make the console reach another host with another key. Run: chmod 600 ${file}`,
    );
  const taken = new Set(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : namesOf(name),
    ),
  );
  const added = Object.entries(lines).filter(([name]) => !taken.has(name));
  return {
    env: { ...env, ...Object.fromEntries(added) },
    file: {
      path: file,
      showsSecrets: (mode & EVERYBODY_READS) !== 0 && Object.keys(lines).some(isSecret),
    },
  };
}

/** @param file for the messages */
export function parseEnvironment(text: string, file: string): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const { name, value } = /^(?<name>[A-Za-z_][A-Za-z0-9_]*)=(?<value>.*)$/.exec(line)?.groups ?? {};
    const where = `${file}, line ${at + 1}`;
    if (name === undefined || value === undefined)
      throw new ConfigError(
        `${where}: not understood. Expected NAME=value, a comment that begins with #, or nothing.`,
      );
    if (/["'\\`\p{Cc}]/u.test(value) || value !== value.trim())
      throw new ConfigError(
        `${where}: the value of ${name} is not understood. Expected it as it is: without quotes, backslashes, and blanks around it.`,
      );
    if (found.has(name))
      throw new ConfigError(`${where}: ${name} is there a second time. Remove one of the two lines.`);
    found.set(name, value);
  }
  return Object.fromEntries(found);
}
