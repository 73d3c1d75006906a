// The journal's port: an append-only log of everything that happened. Transcript, audit, timeline and report are views of
// it. Everything here is asynchronous because SQLite is only its first home.

import type { JournalEvent, JournaledKind, NewEvent } from '../../protocol/events.ts';
import type { EventId, EvidenceId, OperationId, SessionId, TargetName } from '../../protocol/ids.ts';
import type { SessionSummary } from '../../protocol/sessions.ts';

/** An event passes when all conditions that are given hold. */
export interface JournalFilter {
  readonly session?: SessionId;
  /** Together with `session`: also the power events of this target, since the session was opened. */
  readonly sessionTarget?: TargetName;
  readonly target?: TargetName;
  readonly operation?: OperationId;
  readonly kinds?: readonly JournaledKind[];
}

export interface Journal {
  /**
   * Commits the events in one transaction, in this order, and returns them with their ids. Resolves only after they are on disk and
   * followers have got them, in the order of the ids. Rejects with `journal-unavailable` when they could not be written: then no
   * follower got one, and no id was used up.
   */
  append(events: readonly NewEvent[]): Promise<readonly JournalEvent[]>;
  /** Events with an id above `after`, in the order of their ids, at most `limit`. */
  read(filter: JournalFilter, after: EventId, limit: number): Promise<readonly JournalEvent[]>;
  /** The newest events, newest first, at most `limit`: it costs what it gives, however long the log is. */
  newest(filter: JournalFilter, limit: number): Promise<readonly JournalEvent[]>;
  /** How many events there are above `after`. */
  count(filter: JournalFilter, after: EventId): Promise<number>;
  /** The highest id that followers have got. Whoever reads up to it and follows from now on misses nothing. */
  head(): EventId;
  /** Calls the listener for each committed event that passes the filter, in order. It must neither throw nor block. */
  follow(filter: JournalFilter, listener: (event: JournalEvent) => void): () => void;
  /** Tells of each append how it went. The listener must neither throw nor block. */
  followAppends(listener: (append: Append) => void): () => void;
  /** Sessions that have a prompt or an incident, the one with the latest activity first. It costs what it gives, however long the log is. */
  sessions(request: SessionsRequest): Promise<SessionsFound>;
  /** The target that the session was opened on; undefined when there is no such session. */
  targetOf(id: SessionId): Promise<TargetName | undefined>;
  /** Turns with a `user` and no `turn_end`; operations with `power_started` and no `power_finished`; prompts still queued. */
  open(): Promise<OpenWork>;
  /** What it takes on the disk, without what was freed and is not used again yet. */
  bytes(): Promise<number>;
  /** Sessions, and operations that belong to none, that are over and old, those that began first first. */
  removable(request: RemovableRequest): Promise<readonly Removable[]>;
  /**
   * Removes all its events, a part at a time, so that others get their turn. The newest event of the journal must not be among them: its
   * number would be given again.
   */
  remove(old: Removable): Promise<void>;
  /** How many events are old that belong to no session and no operation, notes aside: those tell what was deleted. */
  loose(request: Omit<RemovableRequest, 'limit'>): Promise<number>;
  /** Removes those; the same holds as for `remove`. */
  removeLoose(request: Omit<RemovableRequest, 'limit'>): Promise<void>;
  /** How far a channel is in the log. A new channel begins at the head: earlier events do not concern it. */
  outbox(channel: string): Outbox;
  /** Why the last append failed, in a sentence for a person; undefined when it succeeded, when there was none, or when writing works again. */
  health(): string | undefined;
  close(): Promise<void>;
}

export interface Append {
  /** From the call until it was on disk or refused: what whoever appends waits for. */
  readonly tookMs: number;
  readonly written: boolean;
}

export interface SessionsRequest {
  readonly limit: number;
  readonly target?: TargetName;
  /** What a person typed: each word begins a word of the same prompt, name or alert. Large or small letters and accents do not matter. */
  readonly search?: string;
  /** `next` of the page before. */
  readonly before?: EventId;
}

export interface SessionsFound {
  readonly sessions: readonly ListedSession[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: EventId | undefined;
  /** More matched than is looked at: the oldest matches are not among the sessions. */
  readonly cut: boolean;
}

/** What the log says of a session. Whether a question waits is not on disk alone. */
export type ListedSession = Omit<SessionSummary, 'waiting'>;

export interface RemovableRequest {
  /** Nothing of it happened at this instant or later (UTC). */
  readonly before: string;
  /** Nothing of it has a higher id. */
  readonly upTo: EventId;
  readonly limit: number;
}

export interface Removable {
  readonly of:
    | { readonly type: 'session'; readonly id: SessionId }
    | { readonly type: 'operation'; readonly id: OperationId };
  readonly from: string;
  readonly to: string;
  readonly events: number;
  /** Of its events; on the disk it takes more. */
  readonly bytes: number;
  readonly evidence: readonly { readonly target: TargetName; readonly id: EvidenceId }[];
}

/** How far a channel is. Everything up to `sentId` has arrived there or does not concern it. */
export interface OutboxState {
  readonly sentId: EventId;
  /** When the last event arrived (UTC); null when none has yet. */
  readonly sentAt: string | null;
  /** How many attempts have failed since then. */
  readonly attempts: number;
  readonly trouble: string | null;
}

/** Each method rejects with `journal-unavailable` when the journal cannot be written. */
export interface Outbox {
  state(): Promise<OutboxState>;
  /** This event has arrived, and so have all before it. */
  sent(id: EventId): Promise<void>;
  /** Nothing up to this event concerns the channel. */
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
