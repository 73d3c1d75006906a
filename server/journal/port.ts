// The journal's port: an append-only log of everything that happened. Transcript, audit, timeline and report are views of
// it. Everything here is asynchronous because SQLite is only its first home.

import type { JournalEvent, JournaledKind, NewEvent } from '../../protocol/events.ts';
import type { EventId, OperationId, SessionId, TargetName } from '../../protocol/ids.ts';
import type { SessionSummary } from '../../protocol/sessions.ts';

/** All given conditions must hold. */
export interface JournalFilter {
  readonly session?: SessionId;
  /** With `session`: also this target's power events, from the session's opening on. */
  readonly sessionTarget?: TargetName;
  readonly target?: TargetName;
  readonly operation?: OperationId;
  readonly kinds?: readonly JournaledKind[];
}

export interface Journal {
  /**
   * Commits the events in order, together, and returns them with ids. Resolves only after they are on disk; followers are
   * told in the order of ids, before this resolves. Rejects with `journal-unavailable` when they could not be written:
   * then nobody was told and no id was spent.
   */
  append(events: readonly NewEvent[]): Promise<readonly JournalEvent[]>;
  /** Events with id > after, rising, at most limit. */
  read(filter: JournalFilter, after: EventId, limit: number): Promise<readonly JournalEvent[]>;
  /** The highest id that followers have been told of. Reading up to it and following from now on misses nothing. */
  head(): EventId;
  /** Calls back for each committed event that passes the filter, in order. The listener must not throw or block. */
  follow(filter: JournalFilter, listener: (event: JournalEvent) => void): () => void;
  /** Sessions, newest first. */
  sessions(limit: number): Promise<readonly SessionSummary[]>;
  /** The target that it was opened on; undefined: there is no such session. */
  targetOf(id: SessionId): Promise<TargetName | undefined>;
  /** Turns with a `user` and no `turn_end`; operations with `power_started` and no `power_finished`; prompts still queued. */
  open(): Promise<OpenWork>;
  /** The place of a channel in the log. A new channel begins at the head: what was before it does not concern it. */
  outbox(channel: string): Outbox;
  /** Why the last append failed, as a sentence for a person; undefined once one succeeded, or when none failed. */
  health(): string | undefined;
  close(): Promise<void>;
}

/** How far one channel is: everything up to `sentId` has arrived there, or does not concern it. */
export interface OutboxState {
  readonly sentId: EventId;
  /** When the last one arrived (UTC); null: none yet. */
  readonly sentAt: string | null;
  /** That failed since then. */
  readonly attempts: number;
  readonly trouble: string | null;
}

/** Each method rejects with `journal-unavailable` where it could not be written. */
export interface Outbox {
  state(): Promise<OutboxState>;
  /** This event has arrived; all before it had. */
  sent(id: EventId): Promise<void>;
  /** Nothing up to this event concerns the channel any more. */
  passed(id: EventId): Promise<void>;
  failed(why: string): Promise<void>;
}

export interface OpenWork {
  /** The `user` event that opened each. */
  readonly turns: readonly JournalEvent[];
  /** The `power_started` event of each. */
  readonly operations: readonly JournalEvent[];
  /** The `queued` event of each. */
  readonly queued: readonly JournalEvent[];
}
