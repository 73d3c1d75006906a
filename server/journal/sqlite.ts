// The journal on SQLite, with one writer. All that is appended within one turn of the event loop, or soon after a commit, is committed in
// one transaction; after that the followers get it, and then each append resolves. An event that anybody has seen is on disk.
import { mkdirSync, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { JournalEvent, NewEvent } from '../../protocol/events.ts';
import { type EventId, eventId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import { branchesOf, passes } from './filter.ts';
import { migrate, SCHEMA_VERSION, versionOf } from './migrations.ts';
import { placeOf } from './place.ts';
import type {
  Append,
  Journal,
  JournalFilter,
  OpenWork,
  Outbox,
  Removable,
  RemovableRequest,
  SessionsFound,
  SessionsRequest,
} from './port.ts';
import { constraintFailed, explainDamage, explainRefusal, JournalRefused, unavailable } from './refusal.ts';
import { countLoose, findRemovable, removeLoose, removeSliced } from './removal.ts';
import { findSessions } from './session-search.ts';
import { countEvents, PRAGMAS, SQL, selectEvents, selectNewest } from './sql.ts';

/** A larger file is checked whole only after the start (check-later.ts): the console must be there within 2 s. */
export const CHECKED_WHOLE_BYTES = 64 * 1024 * 1024;

/** The least time between a commit and the next one: bringing a commit to the disk costs more than everything else about an event. */
const GATHER_MS = 10;

/** While nothing can be written: nobody may append anything for hours, and then nobody would be told that it works again. */
const RECHECK_MS = 5_000;

interface Pending {
  readonly events: readonly NewEvent[];
  /** Monotonic. */
  readonly calledAt: number;
  readonly resolve: (stored: readonly JournalEvent[]) => void;
  readonly reject: (error: Error) => void;
}

export interface JournalOptions {
  readonly now?: () => number;
  readonly recheckMs?: number;
  /** Called when a follower throws. That harms nobody else: the event is on disk, and the other followers get it. */
  readonly onFollowerFailure?: (error: unknown) => void;
}

interface Follower {
  readonly filter: JournalFilter;
  readonly listener: (event: JournalEvent) => void;
}

/**
 * Opens or makes `journal.sqlite` in the directory. Throws an Error whose message says why it cannot be used: corrupt,
 * read-only, full, or written by a newer version.
 */
export function openJournal(dataDir: string, options: JournalOptions = {}): Journal {
  const file = path.join(dataDir, 'journal.sqlite');
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(file);
    database.exec(PRAGMAS);
    prepareSchema(database, file);
    return new SqliteJournal(database, options);
  } catch (error) {
    database?.close();
    if (error instanceof JournalRefused) throw error;
    throw new JournalRefused(explainRefusal(error, file), { cause: error });
  }
}

function prepareSchema(database: DatabaseSync, file: string): void {
  const version = versionOf(database);
  if (version > SCHEMA_VERSION)
    throw new JournalRefused(
      `${file} was written by a newer version of Breakglass (schema ${version}, this one knows ${SCHEMA_VERSION}). Run that version, take its file back (breakglass journal back ${SCHEMA_VERSION}, with the newer version), or move the file aside and restart, to get the agent back; the power buttons work.`,
    );
  // A damaged file is not migrated.
  if (version > 0 && statSync(file).size <= CHECKED_WHOLE_BYTES) {
    const check = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (check !== 'ok') throw new JournalRefused(explainDamage(file, String(check)));
  }
  migrate(database);
  // Find out now whether the file can be written, and not in the middle of an incident.
  database.exec(TRY_TO_WRITE);
}

/** Changes nothing, and needs what every write needs. */
const TRY_TO_WRITE = `BEGIN IMMEDIATE; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`;

/** For a batch of events with all that is kept beside them. */
const ROOM_BYTES = 512 * 1024;

function hasRoom(database: DatabaseSync): boolean {
  const location = database.location();
  if (location === null) return true;
  const { bavail, bsize } = statfsSync(path.dirname(location));
  return bavail * bsize >= ROOM_BYTES;
}

class SqliteJournal implements Journal {
  readonly #database: DatabaseSync;
  readonly #now: () => number;
  readonly #recheckMs: number;
  readonly #onFollowerFailure: (error: unknown) => void;
  readonly #insert: StatementSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #followers = new Set<Follower>();
  readonly #appendFollowers = new Set<(append: Append) => void>();
  #pending: Pending[] = [];
  #head: number;
  #failure: string | undefined;
  #recheck: NodeJS.Timeout | undefined;
  #closed = false;
  #committedAt = Number.NEGATIVE_INFINITY;

  constructor(database: DatabaseSync, options: JournalOptions) {
    this.#database = database;
    this.#now = options.now ?? Date.now;
    this.#recheckMs = options.recheckMs ?? RECHECK_MS;
    this.#onFollowerFailure = options.onFollowerFailure ?? ((error) => console.error(error));
    this.#insert = database.prepare(SQL.insert);
    this.#head = this.#lastId();
  }

  append(events: readonly NewEvent[]): Promise<readonly JournalEvent[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(unavailable(new Error('the journal is closed')));
      this.#pending.push({ events, calledAt: performance.now(), resolve, reject });
      if (this.#pending.length > 1) return;
      const wait = this.#committedAt + GATHER_MS - performance.now();
      if (wait > 0) setTimeout(() => this.#flush(), wait);
      else setImmediate(() => this.#flush());
    });
  }

  async read(filter: JournalFilter, after: EventId, limit: number): Promise<readonly JournalEvent[]> {
    const branches = branchesOf(filter);
    const values = branches.flatMap((branch) => [...branch.values, after]);
    return this.#all(selectEvents(branches.map(({ sql }) => sql)), ...values, limit);
  }

  async newest(filter: JournalFilter, limit: number): Promise<readonly JournalEvent[]> {
    const branches = branchesOf(filter);
    const values = branches.flatMap((branch) => [...branch.values, 0]);
    return this.#all(selectNewest(branches.map(({ sql }) => sql)), ...values, limit);
  }

  async count(filter: JournalFilter, after: EventId): Promise<number> {
    const branches = branchesOf(filter);
    const values = branches.flatMap((branch) => [...branch.values, after]);
    return Number(this.#statement(countEvents(branches.map(({ sql }) => sql))).get(...values)?.['count']);
  }

  head(): EventId {
    return eventId(this.#head);
  }

  follow(filter: JournalFilter, listener: (event: JournalEvent) => void): () => void {
    const follower = { filter, listener };
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  followAppends(listener: (append: Append) => void): () => void {
    this.#appendFollowers.add(listener);
    return () => this.#appendFollowers.delete(listener);
  }

  async sessions(request: SessionsRequest): Promise<SessionsFound> {
    return findSessions((sql) => this.#statement(sql), request);
  }

  async targetOf(id: SessionId): Promise<TargetName | undefined> {
    const row = this.#statement(SQL.targetOf).get(id);
    return row === undefined ? undefined : (String(row['target']) as TargetName);
  }

  async open(): Promise<OpenWork> {
    return {
      turns: this.#all(SQL.open, 'user'),
      operations: this.#all(SQL.open, 'power_started'),
      queued: this.#all(SQL.open, 'queued'),
    };
  }

  async bytes(): Promise<number> {
    return Number(this.#statement(SQL.bytes).get()?.['bytes']);
  }

  removable(request: RemovableRequest): Promise<readonly Removable[]> {
    return findRemovable((sql) => this.#statement(sql), request);
  }

  remove(old: Removable): Promise<void> {
    return orUnavailable(removeSliced((sql) => this.#statement(sql), old));
  }

  async loose(request: Omit<RemovableRequest, 'limit'>): Promise<number> {
    return countLoose((sql) => this.#statement(sql), request);
  }

  removeLoose(request: Omit<RemovableRequest, 'limit'>): Promise<void> {
    return orUnavailable(removeLoose((sql) => this.#statement(sql), request));
  }

  outbox(channel: string): Outbox {
    const parts = {
      statement: (sql: string) => this.#statement(sql),
      now: this.#now,
      head: () => this.#head,
    };
    return placeOf(channel, parts);
  }

  health(): string | undefined {
    return this.#failure;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    clearTimeout(this.#recheck);
    this.#database.close();
  }

  /** Commits everything that waits in one transaction: all of it, or nothing when the disk refuses. */
  #flush(): void {
    const batch = this.#pending;
    this.#pending = [];
    if (batch.length === 0) return;
    let stored: JournalEvent[][];
    try {
      stored = this.#commitPastStrangers(batch);
    } catch (error) {
      const problem = unavailable(error);
      this.#failure = problem.message;
      this.#recheckLater();
      this.#tellAppends(batch, false);
      for (const { reject } of batch) reject(problem);
      return;
    }
    this.#failure = undefined;
    this.#tellAppends(batch, true);
    for (const event of stored.flat()) this.#tell(event);
    batch.forEach(({ resolve }, index) => {
      resolve(stored[index] ?? []);
    });
  }

  /** Until something can be written again, by this or by an append. */
  #recheckLater(): void {
    clearTimeout(this.#recheck);
    this.#recheck = setTimeout(() => {
      if (this.#closed || this.#failure === undefined) return;
      try {
        // The trial needs one page, an event with its indexes many.
        if (!hasRoom(this.#database)) throw new Error('no room');
        this.#database.exec(TRY_TO_WRITE);
        this.#failure = undefined;
      } catch {
        this.#rollBack();
        this.#recheckLater();
      }
    }, this.#recheckMs).unref();
  }

  /** Nobody else should write here (processes/data-dir-lock.ts). If somebody did, our ids continue after theirs. */
  #commitPastStrangers(batch: readonly Pending[]): JournalEvent[][] {
    try {
      return this.#commit(batch, () => this.#head);
    } catch (error) {
      if (!constraintFailed(error)) throw error;
      return this.#commit(batch, () => this.#lastId());
    }
  }

  #commit(batch: readonly Pending[], lastId: () => number): JournalEvent[][] {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const at = new Date(this.#now()).toISOString();
      let id = lastId();
      const stored = batch.map(({ events }) =>
        events.map((event) => this.#write({ ...event, id: eventId(++id), at, v: 1 })),
      );
      this.#database.exec('COMMIT');
      this.#head = id;
      this.#committedAt = performance.now();
      return stored;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #lastId(): number {
    return Number(this.#statement(SQL.lastId).get()?.['id']);
  }

  #write(event: JournalEvent): JournalEvent {
    const { id, at, kind, session_id, turn_id, operation_id, target } = event;
    const text = JSON.stringify(event);
    this.#insert.run(
      id,
      at,
      kind,
      session_id ?? null,
      turn_id ?? null,
      operation_id ?? null,
      target ?? null,
      text,
    );
    return event;
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has already rolled back by itself (disk full, I/O error).
    }
  }

  #tell(event: JournalEvent): void {
    for (const { filter, listener } of this.#followers) {
      if (!passes(filter, event)) continue;
      try {
        listener(event);
      } catch (error) {
        this.#onFollowerFailure(error);
      }
    }
  }

  #tellAppends(batch: readonly Pending[], written: boolean): void {
    const now = performance.now();
    for (const { calledAt } of batch)
      for (const listener of this.#appendFollowers) listener({ tookMs: now - calledAt, written });
  }

  #all(sql: string, ...values: (string | number)[]): JournalEvent[] {
    return this.#statement(sql)
      .all(...values)
      .map((row) => JSON.parse(String(row['event'])) as JournalEvent);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

const orUnavailable = (written: Promise<void>): Promise<void> =>
  written.catch((error: unknown) => {
    throw unavailable(error);
  });
