// Inside the VM: one command as one account, streamed, recorded, killed at the far side.
import type { Account, CommandEnd } from '../../protocol/events.ts';
import type { SshReached, SshReading, SshRefusal } from '../../protocol/ssh-reading.ts';

export interface GuestCommand {
  readonly account: Account;
  /** One argument for the account's login shell; NUL and over-long commands are refused with `invalid-input`. */
  readonly command: string;
  readonly stdin?: string;
  /** Limit on the far side and here, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborting stops the command at the far side; `run` then still resolves, within 2 s. */
  readonly signal: AbortSignal;
  readonly onOutput: (stream: 'stdout' | 'stderr', text: string) => void;
}

export interface GuestResult {
  readonly ended: CommandEnd;
  readonly exitCode: number | null;
  /** Interleaved as it came, capped at `outputCapBytes`; `truncated` tells. */
  readonly output: string;
  readonly truncated: boolean;
  readonly durationMs: number;
  /** Present when ended by a stop, a limit or a lost connection: was the far side seen to be gone? */
  readonly farSide?: 'proven' | 'unproven';
  /** With `unproven` after a stop or a limit: the far side is asked on. Resolves with whether it was proven after all. */
  readonly proof?: Promise<boolean>;
  /** For `unreachable` and `connection_lost`: what ssh said, as a sentence for a person. */
  readonly detail?: string;
}

/** One look at SSH. */
export interface Probed {
  /** A command ran there and our word came back: `reading` is `works`. */
  readonly answers: boolean;
  readonly reading: SshReading;
  /** Of `refused`. */
  readonly refusal?: SshRefusal;
  readonly reached: SshReached;
  /** A sentence for a person. */
  readonly detail: string;
  readonly ms: number;
}

export interface Guest {
  /** Never rejects for anything that happened on the far side; rejects with `invalid-input` for a command it cannot send. */
  run(command: GuestCommand): Promise<GuestResult>;
  /** True when an observer account is configured. Without one every command counts as repair. */
  readonly hasObserver: boolean;
  /** What SSH says now. One cheap look with its own limit (milliseconds), never queued behind a running command. */
  readonly probe: (limitMs: number, signal?: AbortSignal) => Promise<Probed>;
  close(): Promise<void>;
}
