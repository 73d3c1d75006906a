// Commands in the VM over SSH, as one of two accounts. A stop or a limit ends the command at the far side too, since killing the local
// ssh would leave it running there. `run` says honestly whether it saw that the command is gone.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BreakglassError } from '../../protocol/problems.ts';
import type { SshConnection, SshResult } from '../ssh/connection.ts';
import { PidLine, saysStopped, stopCommand, wrapCommand } from './far-side.ts';
import type { Guest, GuestCommand, GuestResult, Probed } from './port.ts';
import { probe } from './probe.ts';
import { Recording } from './recording.ts';

export interface GuestParts {
  readonly repair: SshConnection;
  readonly observer?: SshConnection;
  readonly logger: Logger;
  /** Default 1 MiB. */
  readonly outputCapBytes?: number;
  readonly stopLimits?: StopLimits;
}

/** The limits of a stop, in milliseconds. `stop` and `awaitEnd` together stay below 2 s: then it is over, whatever the VM does. */
export interface StopLimits {
  /** For the whole stopper. It needs 0.9 s if TERM is not enough, and 0.2 s more for a connection if the reused one is gone. */
  readonly stop: number;
  /** The part of that for the pid: a command that is aborted while it begins may still tell its pid. */
  readonly awaitPid: number;
  /** How long the command's ssh has to end by itself after the stopper has finished. Then we end it. */
  readonly awaitEnd: number;
}
export const STOP_LIMITS: StopLimits = { stop: 1_700, awaitPid: 600, awaitEnd: 150 };

type Cause = 'stopped' | 'timed_out';

interface FarSide {
  readonly proven: boolean;
  /** For the stopper that may still bring the proof. */
  readonly stopping: Promise<boolean> | undefined;
}

/** A VM that hangs may answer the stopper once it goes on. That is worth telling, even long after the answer to the stop. */
const LATE_PROOF_MS = 120_000;
/** Our limit is longer than that of the far side, whose exit code says more than our stop. */
const LIMIT_GRACE_MS = 300;

export function createGuest(parts: GuestParts): Guest {
  const limits = parts.stopLimits ?? STOP_LIMITS;
  const connectionOf = (account: GuestCommand['account']): SshConnection => {
    if (account === 'repair') return parts.repair;
    // Never silently use a more powerful account than the one that was asked for.
    if (parts.observer === undefined)
      throw new BreakglassError(
        'invalid-input',
        'No observer account is configured for this VM: use the repair account.',
      );
    return parts.observer;
  };

  const closing = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  /** Aborts the stoppers whose answers nobody waits for any more. */
  const leaving = new AbortController();

  /** Resolves with whether the command was seen to be gone; late if the VM hangs. Only one attempt, since the pid may be reused. */
  async function stop(ssh: SshConnection, pid: number, asRoot: boolean): Promise<boolean> {
    let said = '';
    const onStdout = (chunk: Buffer): void => {
      said += chunk.toString('latin1');
    };
    const ended = await ssh
      .run({ command: stopCommand(pid, asRoot), timeoutMs: LATE_PROOF_MS, signal: leaving.signal, onStdout })
      .catch(() => undefined);
    const proven = saysStopped(said);
    if (!proven) parts.logger.warn({ pid, how: ended?.how, said: said.slice(0, 200) }, 'stop not proven');
    return proven;
  }

  async function run(command: GuestCommand): Promise<GuestResult> {
    const ssh = connectionOf(command.account);
    const exec = wrapCommand(command.command, command.timeoutMs);
    if (command.signal.aborted)
      return {
        ended: 'stopped',
        exitCode: null,
        output: '',
        truncated: false,
        durationMs: 0,
        farSide: 'proven',
      };
    const startedAt = performance.now();
    const recording = new Recording(command.onOutput, parts.outputCapBytes);
    const pidLine = new PidLine();
    const pidSeen = Promise.withResolvers<number>();
    const local = new AbortController();

    const running = ssh.run({
      command: exec,
      ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
      signal: local.signal,
      onStdout: (chunk) => recording.add('stdout', recording.decode('stdout', chunk)),
      onStderr: (chunk) => {
        recording.add('stderr', pidLine.feed(recording.decode('stderr', chunk)));
        if (pidLine.pid !== undefined) pidSeen.resolve(pidLine.pid);
      },
    });

    const { cause, release } = firstCause(
      AbortSignal.any([command.signal, closing.signal]),
      command.timeoutMs + LIMIT_GRACE_MS,
    );
    const first = await Promise.race([running, cause]).finally(release);
    if (typeof first === 'object') return finish(first);

    // A person or the limit stopped it while it ran.
    const deadline = performance.now() + limits.stop;
    const left = (): number => Math.max(1, deadline - performance.now());
    const pid = await Promise.race([
      pidSeen.promise,
      running.then(() => pidLine.pid),
      sleep(limits.awaitPid, undefined),
    ]);
    const stopping = pid === undefined ? undefined : stop(ssh, pid, command.account === 'repair');
    const proven = stopping !== undefined && (await inTime(stopping, left()));
    if (stopping !== undefined) await Promise.race([running, sleep(proven ? limits.awaitEnd : 1)]);
    local.abort();
    const ended = await running;
    return result(ended, first, { proven: proven || ended.begun === 'no', stopping });

    async function finish(ended: SshResult): Promise<GuestResult> {
      const { pid: seen } = pidLine;
      if (ended.how === 'exited') {
        // 124: `timeout` at the far side sent TERM. 137: it had to send KILL. Children of the command may have survived.
        const overdue = performance.now() - startedAt >= command.timeoutMs;
        if (seen === undefined || !overdue || (ended.exitCode !== 124 && ended.exitCode !== 137))
          return result(ended, 'exited');
        const stopping = stop(ssh, seen, command.account === 'repair');
        const proven = await inTime(stopping, limits.stop);
        return result(ended, 'timed_out', { proven, stopping });
      }
      // Whether it reached a shell: the mark tells, or ssh's log if there is no mark.
      return seen === undefined && ended.begun !== 'yes'
        ? result(ended, 'unreachable')
        : result(ended, 'connection_lost', { proven: false, stopping: undefined });
    }

    function result(ended: SshResult, how: GuestResult['ended'], farSide?: FarSide): GuestResult {
      recording.add('stdout', recording.flush('stdout'));
      recording.add('stderr', pidLine.feed(recording.flush('stderr')));
      // Without the mark the wrapper never ran. All there is then is stderr, e.g. the refusal of a login shell.
      if (ended.how === 'exited') recording.add('stderr', pidLine.end());
      return {
        ended: how,
        exitCode: how === 'exited' ? ended.exitCode : null,
        output: recording.text(),
        truncated: recording.truncated,
        durationMs: Math.round(performance.now() - startedAt),
        ...(farSide === undefined
          ? {}
          : { farSide: farSide.proven ? ('proven' as const) : ('unproven' as const) }),
        ...(farSide?.proven === false && farSide.stopping !== undefined ? { proof: farSide.stopping } : {}),
        ...(how === 'unreachable' || how === 'connection_lost'
          ? { detail: ended.detail || 'The connection to the VM failed.' }
          : {}),
      };
    }
  }

  let probing: { readonly limitMs: number; readonly probed: Promise<Probed> } | undefined;
  /** One flight for many watchers; who has more patience than the one under way starts a longer one. */
  function sharedProbe(limitMs: number): Promise<Probed> {
    if (probing !== undefined && probing.limitMs >= limitMs) return probing.probed;
    // A connection of its own: a login, a shell and a program, through nothing that might already hang.
    const probed = probe(parts.observer ?? parts.repair, limitMs).finally(() => {
      if (probing === own) probing = undefined;
    });
    const own = { limitMs, probed };
    probing = own;
    return probed;
  }

  return {
    run(command) {
      const running = run(command);
      const tracked = running.catch(() => undefined).finally(() => underWay.delete(tracked));
      underWay.add(tracked);
      return running;
    },
    hasObserver: parts.observer !== undefined,
    // Many watchers share one probe. A caller that leaves does not end it for the others; only its limit does.
    async probe(limitMs, signal) {
      const probed = sharedProbe(limitMs);
      if (signal === undefined) return probed;
      const left = Promise.withResolvers<never>();
      const onAbort = (): void => left.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      return Promise.race([probed, left.promise]).finally(() => signal.removeEventListener('abort', onAbort));
    },
    // First stop what runs over there: a server that ends leaves nothing behind in the VM.
    async close() {
      closing.abort();
      await Promise.all(underWay);
      leaving.abort();
      await Promise.all([parts.repair.close(), parts.observer?.close()]);
    },
  };
}

/** Aborted by the caller or by the limit, whichever comes first. `release` forgets both. */
function firstCause(signal: AbortSignal, limitMs: number): { cause: Promise<Cause>; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<Cause>();
  const onAbort = (): void => resolve('stopped');
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const timer = setTimeout(() => resolve('timed_out'), limitMs);
  return {
    cause: promise,
    release: () => {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(timer);
    },
  };
}

/** Whether it was proven within the limit. */
async function inTime(proof: Promise<boolean>, limitMs: number): Promise<boolean> {
  const limit = new AbortController();
  const overdue = sleep(limitMs, false, { signal: limit.signal }).catch(() => false);
  const proven = await Promise.race([proof, overdue]);
  limit.abort();
  return proven;
}
