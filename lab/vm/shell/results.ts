// Results of commands, as the interpreter takes them.
import type { ExecResult } from 'just-bash';

export const NOTHING: ExecResult = { stdout: '', stderr: '', exitCode: 0 };
export const refusal = (stderr: string, exitCode: number): ExecResult => ({ stdout: '', stderr, exitCode });

/** Parts of bash that mean nothing here: there is no terminal, there are no jobs. */
export const IDLE = { ulimit: 'unlimited\n', umask: '0022\n', trap: '', jobs: '', disown: '' };
/** It shows a limit, or sets one, which changes nothing here. */
export const idle = (shown: string, args: string[]): ExecResult => {
  return { ...NOTHING, stdout: args.every((arg) => arg.startsWith('-')) ? shown : '' };
};

/** What a script gave, as a command's result: the interpreter counts its bytes anew. Text mixed with bytes is text. */
export const resultOf = ({ stdout, stderr, exitCode, stdoutKind }: ExecResult): ExecResult => {
  const isBytes = stdoutKind === 'bytes' && !/[^\0-\xff]/.test(stdout);
  return { stdout, stderr, exitCode, stdoutKind: isBytes ? 'bytes' : 'text' };
};
