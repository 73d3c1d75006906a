// The file of the console's variables, as systemd and the server read it: NAME=value, one a line, the value as it is. Where it is, what is
// in it, and how a line of it is changed without touching the others.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Env } from './surroundings.ts';

/** The named one, else: root's console is the machine's; anybody else's is their own (XDG base directories). */
export function environmentFile(env: Env, isRoot: boolean = process.getuid?.() === 0): string {
  const named = env['BREAKGLASS_ENVIRONMENT'];
  if (named !== undefined && named !== '') return named;
  if (isRoot) return '/etc/breakglass/environment';
  return path.join(ownDir(env, 'XDG_CONFIG_HOME', '.config'), 'environment');
}

/** The specification has relative paths ignored. */
export function ownDir(env: Env, name: 'XDG_CONFIG_HOME' | 'XDG_STATE_HOME', usual: string): string {
  const given = env[name] ?? '';
  const base = path.isAbsolute(given) ? given : path.join(env['HOME'] ?? '/', usual);
  return path.join(base, 'breakglass');
}

const LINE = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

export function parseEnvironment(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const [, name, value = ''] = LINE.exec(line) ?? [];
    if (name !== undefined) values[name] = value.trim();
  }
  return values;
}

/** Undefined where there is none, or where it may not be read. */
export function readEnvironmentFile(file: string): Record<string, string> | undefined {
  try {
    return parseEnvironment(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The text with these values: a line that is there is replaced where it stands, another is added, everything else stays. */
export function withValues(text: string, values: Readonly<Record<string, string>>): string {
  const left = new Map(Object.entries(values));
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const changed = lines.map((line) => {
    const name = LINE.exec(line)?.[1];
    const value = name === undefined ? undefined : left.get(name);
    if (name === undefined || value === undefined) return line;
    left.delete(name);
    return `${name}=${value}`;
  });
  return `${[...changed, ...Array.from(left, ([name, value]) => `${name}=${value}`)].join('\n')}\n`;
}
