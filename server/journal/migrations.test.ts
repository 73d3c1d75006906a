import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { eventId } from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { MIGRATIONS, migrate, migrateBack, SCHEMA_VERSION, versionOf } from './migrations.ts';
import { openJournal } from './sqlite.ts';
import { takeJournalBack } from './take-back.ts';

const actor = { type: 'server', name: 'test' } as const;
const fileIn = (dir: string): string => path.join(dir, 'journal.sqlite');
const open = (dir: string): DatabaseSync => new DatabaseSync(fileIn(dir));
const schemaOf = (database: DatabaseSync): unknown[] =>
  database.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY type, name').all();

/** A journal as the first version wrote it. */
function firstVersion(dir: string): void {
  const database = open(dir);
  migrate(database, MIGRATIONS.slice(0, 1));
  database
    .prepare("INSERT INTO events (id, at, kind, event) VALUES (1, '2026-01-01T00:00:00.000Z', 'note', ?)")
    .run(JSON.stringify({ id: 1, at: '2026-01-01T00:00:00.000Z', v: 1, kind: 'note', text: 'old', actor }));
  database.close();
}

test('a journal of the first version is taken to ours: every event is there, and the next goes after it', async () => {
  const dir = tempDir();
  firstVersion(dir);
  const journal = openJournal(dir);
  const [stored] = await journal.append([{ kind: 'note', text: 'new', actor }]);
  expect(stored?.id).toBe(2);
  expect(await journal.read({}, eventId(0), 10)).toMatchObject([{ text: 'old' }, { text: 'new' }]);
  await journal.close();
  expect(versionOf(open(dir))).toBe(SCHEMA_VERSION);
});

test('what was under way in a journal of an older version is known as open after the step, and nothing else is', async () => {
  const dir = tempDir();
  const database = open(dir);
  migrate(database, MIGRATIONS.slice(0, 2));
  const insert = database.prepare(
    "INSERT INTO events (at, kind, session_id, turn_id, operation_id, event) VALUES ('', ?, 's', ?, ?, ?)",
  );
  const events = [
    ['user', 'ended', null],
    ['turn_end', 'ended', null],
    ['user', 'open', null],
    ['power_started', null, 'ended'],
    ['power_finished', null, 'ended'],
    ['power_started', null, 'open'],
    ['queued', null, null, 'gone'],
    ['unqueued', null, null, 'gone'],
    ['queued', null, null, 'open'],
  ] as const;
  for (const [kind, turn_id, operation_id, queue_id] of events)
    insert.run(kind, turn_id, operation_id, JSON.stringify({ kind, turn_id, operation_id, queue_id }));
  database.close();
  const journal = openJournal(dir);
  expect(await journal.open()).toEqual({
    turns: [expect.objectContaining({ turn_id: 'open' })],
    operations: [expect.objectContaining({ operation_id: 'open' })],
    queued: [expect.objectContaining({ queue_id: 'open' })],
  });
  await journal.close();
});

test('the sessions of an older version are on the list and are found, as if they had been written by ours', async () => {
  const dir = tempDir();
  const database = open(dir);
  migrate(database, MIGRATIONS.slice(0, 3));
  const insert = database.prepare(
    'INSERT INTO events (id, at, kind, session_id, turn_id, target, event) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const ann = { type: 'operator', name: 'ann' };
  const events = [
    ['session_opened', 'old', null, {}],
    ['session_opened', 'empty', null, {}],
    ['user', 'old', 't', { text: 'Why is Zürich slow?' }],
    ['session_opened', 'alerted', null, {}],
    ['incident_opened', 'alerted', null, { title: 'SSH is silent' }],
    ['turn_end', 'old', 't', {}],
  ] as const;
  for (const [index, [kind, session_id, turn_id, more]] of events.entries()) {
    const [id, at] = [index + 1, `2026-01-01T00:00:0${index}.000Z`];
    const event = { id, at, v: 1, kind, session_id, actor: ann, target: 'devvm', ...more };
    insert.run(id, at, kind, session_id, turn_id, 'devvm', JSON.stringify(event));
  }
  database.close();
  const journal = openJournal(dir);
  const { sessions } = await journal.sessions({ limit: 10 });
  expect(sessions).toMatchObject([
    {
      session_id: 'old',
      title: 'Why is Zürich slow?',
      people: ['ann'],
      opened_at: '2026-01-01T00:00:00.000Z',
      last_at: '2026-01-01T00:00:05.000Z',
    },
    { session_id: 'alerted', title: 'SSH is silent', people: [] },
  ]);
  expect((await journal.sessions({ limit: 10, search: 'zurich' })).sessions).toEqual([sessions[0]]);
  await journal.close();
});

test('every step back undoes its step, and forth again makes the same tables', () => {
  const dir = tempDir();
  const database = open(dir);
  const seen: unknown[] = [];
  for (const [index] of MIGRATIONS.entries()) {
    migrate(database, MIGRATIONS.slice(0, index + 1));
    seen.push(schemaOf(database));
  }
  for (const [index] of MIGRATIONS.entries()) {
    const to = MIGRATIONS.length - index;
    migrateBack(database, to);
    expect(versionOf(database)).toBe(to);
    expect(schemaOf(database)).toEqual(seen[to - 1]);
  }
  migrate(database);
  expect(schemaOf(database)).toEqual(seen.at(-1));
  database.close();
});

test('after an operator took it back, our file opens in the program of the first version, with every event', async () => {
  const dir = tempDir();
  const journal = openJournal(dir);
  await journal.outbox('audit').state();
  await journal.append([{ kind: 'note', text: 'kept', actor }]);
  await journal.close();
  expect(takeJournalBack(dir, 1)).toBe(SCHEMA_VERSION);
  const database = open(dir);
  expect(versionOf(database)).toBe(1);
  expect(database.prepare('SELECT count(*) AS n FROM events').get()).toEqual({ n: 1 });
  database.close();
});

test('a version to which there is no way back is refused, and nothing changes', () => {
  const dir = tempDir();
  firstVersion(dir);
  for (const to of [0, 2, 1.5, -1]) expect(() => takeJournalBack(dir, to)).toThrow(/has version 1/);
  const database = open(dir);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(() => takeJournalBack(dir, 1)).toThrow(/version 99.*go back with the program that wrote it/);
  expect(() => takeJournalBack(tempDir(), 1)).toThrow(/ENOENT/);
});

test('a step that fails in the middle leaves the version before, whole', () => {
  const dir = tempDir();
  firstVersion(dir);
  const database = open(dir);
  const before = schemaOf(database);
  const broken = [
    ...MIGRATIONS.slice(0, 1),
    { version: 2, up: 'CREATE TABLE half (x); nonsense;', down: '' },
  ];
  expect(() => migrate(database, broken)).toThrow(/nonsense/);
  expect(schemaOf(database)).toEqual(before);
  expect(versionOf(database)).toBe(1);
  database.close();
});

test('a damaged journal of an older version is refused, not migrated', () => {
  const dir = tempDir();
  firstVersion(dir);
  const copy = tempDir();
  const bytes = readFileSync(fileIn(dir));
  const page = 4_096;
  expect(bytes.length).toBeGreaterThan(3 * page);
  writeFileSync(fileIn(copy), bytes.fill(0xff, 2 * page, 3 * page));
  expect(() => openJournal(copy)).toThrow(/damaged|malformed/);
});

test('a damaged row of an older version costs what it tells, and not the journal', () => {
  const dir = tempDir();
  const database = open(dir);
  migrate(database, MIGRATIONS.slice(0, 2));
  const insert = database.prepare(
    "INSERT INTO events (at, kind, session_id, target, event) VALUES ('', ?, 's', 'devvm', ?)",
  );
  insert.run('session_opened', '{"kind":"session_opened","actor":{"type":"operator","name":"ann"}}');
  insert.run('user', '{"kind":"user","text":"cut of');
  insert.run('user', '{"kind":"user","text":"whole","actor":{"type":"operator"}}');
  migrate(database);
  expect(database.prepare('SELECT title FROM session_list').all()).toEqual([{ title: 'whole' }]);
  expect(database.prepare('SELECT name FROM session_people').all()).toEqual([{ name: '' }]);
  database.close();
});
