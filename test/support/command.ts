// The command `breakglass` as a process of its own, as a person or a script starts it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { compileCache } from './compile-cache.ts';
import { BUNDLE_ENTRY, isJustBuilt } from './just-built.ts';
import { until, within } from './wait-for.ts';

const ENTRY = isJustBuilt ? BUNDLE_ENTRY : path.resolve(import.meta.dirname, '../../cli/breakglass.ts');

export interface CommandRun {
  /** What it printed so far; at a terminal both streams in one. */
  stdout(): string;
  stderr(): string;
  /** Waits until it has printed that, after what the wait before saw. */
  sees(text: string | RegExp): Promise<void>;
  /** As on a keyboard; without a line end. */
  type(keys: string): void;
  /** Its exit code. */
  ended(): Promise<number | null>;
}

export interface CommandOptions {
  readonly env: Readonly<Record<string, string>>;
  /** On a pseudo-terminal of its own, by script(1). */
  readonly terminal?: boolean;
}

export function startCommand(args: readonly string[], { env, terminal = false }: CommandOptions): CommandRun {
  const words = [process.execPath, ENTRY, ...args];
  const quoted = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const child = terminal
    ? spawn('script', ['-qefc', `exec ${quoted}`, '/dev/null'], { env: surroundings(env) })
    : spawn(words[0] ?? '', words.slice(1), { env: surroundings(env) });
  let stdout = '';
  let stderr = '';
  let seen = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  if (!terminal) child.stdin.end();
  const all = (): string => stdout + stderr;
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    async sees(text) {
      await until(`${String(text)} from breakglass ${args.join(' ')}`, () => {
        const rest = all().slice(seen);
        const at = typeof text === 'string' ? rest.indexOf(text) : rest.search(text);
        if (at < 0) {
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${all()}`);
          return false;
        }
        seen += at + 1;
        return true;
      });
    },
    type: (keys) => child.stdin.write(keys),
    ended: () => within(`the end of breakglass ${args.join(' ')}, which printed:\n${all()}`, closed, 240_000),
  };
}

const surroundings = (env: Readonly<Record<string, string>>): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: '/does/not/exist',
  TERM: 'xterm',
  SHELL: '/bin/sh',
  ...compileCache(),
  ...env,
});

/** Runs it to its end, with nobody at a terminal. */
export async function runBreakglass(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const run = startCommand(args, { env });
  const code = await run.ended();
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}
