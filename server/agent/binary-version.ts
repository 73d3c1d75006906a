// Which Claude Code is installed, and which one the Agent SDK was made for.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { execa } from 'execa';

/** Resolves with e.g. `2.1.331`. Rejects where the program does not run or says something else. */
export async function versionOf(binary: string, signal: AbortSignal): Promise<string> {
  const { stdout, exitCode, shortMessage } = await execa(binary, ['--version'], {
    // It needs nothing of ours, and gets nothing.
    env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', DISABLE_AUTOUPDATER: '1' },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    cancelSignal: signal,
  });
  const version = /^\d+\.\d+\.\d+\S*/.exec(stdout ?? '')?.[0];
  if (version !== undefined) return version;
  throw new Error(
    exitCode === undefined
      ? (shortMessage ?? 'it could not be started')
      : `it ended with exit code ${exitCode} and said no version`,
  );
}

/** Undefined where the SDK does not say. */
export async function expectedVersion(): Promise<string | undefined> {
  const sdk = createRequire(import.meta.url).resolve('@anthropic-ai/claude-agent-sdk');
  const about: unknown = JSON.parse(await readFile(path.join(path.dirname(sdk), 'package.json'), 'utf8'));
  const version: unknown = Reflect.get(Object(about), 'claudeCodeVersion');
  return typeof version === 'string' ? version : undefined;
}
