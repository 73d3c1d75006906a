// Inside the VM: one command as one account, streamed, recorded, killed at the far side.
import type { Account } from '../../protocol/approvals.ts';
import type { CommandEnd } from '../../protocol/events.ts';
import type { SshReached, SshReading, SshRefusal } from '../../protocol/ssh-reading.ts';
import type { ChangedHostKey } from '../ssh/failure.ts';

export interface GuestCommand {
  readonly account: Account;
  /** One argument for the account's login shell; NUL and over-long commands are refused with `invalid-input`. */
  readonly command: string;
  readonly stdin?: string;
  /** Limit on the far side and here, in milliseconds. */
  readonly timeoutMs: number;
  /** Aborting it stops the command at the far side. `run` still resolves then, within 2 s. */
  readonly signal: AbortSignal;
  readonly onOutput: (stream: 'stdout' | 'stderr', text: string) => void;
}

export interface GuestResult {
  readonly ended: Exclude<CommandEnd, 'unknown'>;
  readonly exitCode: number | null;
  /** Both streams as they came, up to `outputCapBytes`; `truncated` says whether that was reached. */
  readonly output: string;
  readonly truncated: boolean;
  readonly durationMs: number;
  /** Given after a stop, a limit or a lost connection: whether the command was seen to be gone. */
  readonly farSide?: 'proven' | 'unproven';
  /** Given with `unproven` after a stop or a limit, while the far side is still being asked. Resolves with whether it was proven after all. */
  readonly proof?: Promise<boolean>;
  /** For `unreachable` and `connection_lost`: what ssh said, in a sentence for a person. */
  readonly detail?: string;
}

/** One look at SSH. */
export interface Probed {
  /** A command ran there and our word came back: `reading` is `works`. */
  readonly answers: boolean;
  readonly reading: SshReading;
  /** Of `refused`. */
  readonly refusal?: SshRefusal;
  /** Where it showed another host key than before. */
  readonly hostKey?: ChangedHostKey;
  readonly reached: SshReached;
  /** A sentence for a person. */
  readonly detail: string;
  readonly ms: number;
}

export interface Guest {
  /** Does not reject for anything that happens at the far side. Rejects with `invalid-input` for a command that cannot be sent. */
  run(command: GuestCommand): Promise<GuestResult>;
  /** Whether an observer account is configured. Without one every command counts as repair. */
  readonly hasObserver: boolean;
  /** What SSH says now. One cheap look with its own limit (milliseconds), never queued behind a running command. */
  readonly probe: (limitMs: number, signal?: AbortSignal) => Promise<Probed>;
  close(): Promise<void>;
}
