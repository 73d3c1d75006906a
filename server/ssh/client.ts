// One run of the OpenSSH client: it is started, its output is streamed, we end it when asked, and its log tells how it ended. The first
// cause of an end wins.
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { readFile, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { SshReached } from '../../protocol/ssh-reading.ts';
import { type Begun, readEnd, type SshEnd, spokenLines } from './client-log.ts';

export interface ClientRun {
  readonly arguments: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string | undefined;
  readonly stdin: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly onStart: ((extend: (ms: number) => void) => void) | undefined;
  readonly onStdout: (chunk: Buffer) => void;
  readonly onStderr: (chunk: Buffer) => void;
}

export interface ClientResult {
  readonly how: SshEnd;
  readonly exitCode: number | null;
  /** The signal that ended the local client, if one did. */
  readonly signal: string | undefined;
  readonly begun: Begun;
  readonly reached: SshReached;
  readonly stderrTail: string;
  /** What ssh said about itself in its log. */
  readonly spoken: string;
}

const STDERR_TAIL_BYTES = 4_096;
// Between TERM and KILL for the local client. It has nothing to save.
const KILL_AFTER_MS = 300;
// A master holds our pipes until it lets the session go, because ssh passes it the file descriptors. So after the end of the client we
// read on for this long, for what is still under way, and do not wait for a master that hangs. Longer after an orderly end.
const DRAIN_MS = { orderly: 5_000, forced: 100 };

/** A log that is read to the end has a few KB. A hostile server can make ssh write as fast as the network carries. */
export const LOG_CAP_BYTES = 256 * 1024;
// The kernel holds the cap (setrlimit(2), RLIMIT_FSIZE, here in blocks of 512 bytes): it ends an ssh that wants to write more. Only a
// shell can set it before ssh is there; its script is this constant, and ssh takes its place with the same pid. No core, because a core
// of ssh may hold a key.
const CAPPED = `ulimit -c 0; ulimit -f ${LOG_CAP_BYTES / 512}; exec "$0" "$@"`;

const findSsh = (searchPath: string): string | undefined =>
  searchPath
    .split(':')
    .map((dir) => path.join(dir, 'ssh'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

/** A log file, if it can be written: on a full disk ssh would refuse to start because of its log. */
export async function createLog(file: string): Promise<string | undefined> {
  try {
    await writeFile(file, '', { flag: 'wx', mode: 0o600 });
    return file;
  } catch {
    return undefined;
  }
}

export async function runClient(run: ClientRun): Promise<ClientResult> {
  let cause: 'aborted' | 'timed_out' | undefined;
  let tail = Buffer.alloc(0);
  const ssh = findSsh(run.env['PATH'] ?? '');
  if (ssh === undefined) return neverStarted("OpenSSH's client (ssh) is not installed here");
  const child = execa('/bin/sh', ['-c', CAPPED, ssh, ...run.arguments], {
    env: run.env,
    extendEnv: false,
    ...(run.stdin === undefined ? { stdin: 'ignore' as const } : { input: run.stdin }),
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: false,
    encoding: 'buffer',
    reject: false,
    forceKillAfterDelay: KILL_AFTER_MS,
  });
  // Never rejects, and is awaited only after a failed start: it also waits for the pipes, which a master that hangs may hold.
  const settled = child.then((result) => result);
  let exited = false;
  const exit: Promise<readonly [number | null, string | null]> =
    child.pid === undefined
      ? settled.then(() => [null, null])
      : new Promise((resolve) =>
          child.nodeChildProcess.once('exit', (code: number | null, signal: string | null) =>
            resolve([code, signal]),
          ),
        );
  const end = (because: 'aborted' | 'timed_out'): void => {
    if (exited || cause !== undefined) return;
    cause = because;
    child.kill('SIGTERM');
  };
  const onAbort = (): void => end('aborted');
  run.signal?.addEventListener('abort', onAbort, { once: true });
  if (run.signal?.aborted === true) onAbort();
  const limit = (ms: number): NodeJS.Timeout => setTimeout(() => end('timed_out'), ms);
  let timer = run.timeoutMs === undefined ? undefined : limit(run.timeoutMs);
  run.onStart?.((ms) => {
    clearTimeout(timer);
    if (!exited) timer = limit(ms);
  });

  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null && stream !== undefined);
  const drained = Promise.all(streams.map((stream) => once(stream, 'close').catch(() => undefined)));
  child.stdout?.on('data', (chunk: Buffer) => run.onStdout(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-STDERR_TAIL_BYTES);
    run.onStderr(chunk);
  });

  try {
    const [exitCode, signal] = await exit;
    exited = true;
    if (child.pid === undefined) {
      const failure = await settled;
      return neverStarted(failure.shortMessage ?? 'ssh could not be started');
    }
    await Promise.race([
      drained,
      sleep(cause === undefined ? DRAIN_MS.orderly : DRAIN_MS.forced, undefined, { ref: false }),
    ]);
    for (const stream of streams) stream.destroy();
    const log =
      run.logFile === undefined ? undefined : await readFile(run.logFile, 'utf8').catch(() => undefined);
    const stderrTail = tail.toString('utf8');
    return {
      ...readEnd({ pid: child.pid, exitCode, cause, log }),
      signal: signal ?? undefined,
      stderrTail,
      spoken: spokenLines(log ?? ''),
    };
  } finally {
    clearTimeout(timer);
    run.signal?.removeEventListener('abort', onAbort);
    if (run.logFile !== undefined) await unlink(run.logFile).catch(() => undefined);
  }
}

const neverStarted = (why: string): ClientResult => ({
  how: 'unreachable',
  exitCode: null,
  signal: undefined,
  begun: 'no',
  reached: 'nothing',
  stderrTail: '',
  spoken: why,
});
