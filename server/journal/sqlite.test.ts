import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JournalEvent, NewEvent } from '../../protocol/events.ts';
import { eventId, newOperationId, newSessionId, newTurnId, type TargetName } from '../../protocol/ids.ts';
import { until } from '../../test/support/wait-for.ts';
import { branchesOf } from './filter.ts';
import { selectNewest } from './sql.ts';
import { openJournal } from './sqlite.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bg-journal-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const actor = { type: 'operator', name: 'ann' } as const;
const target = 'devvm' as TargetName;
const session = newSessionId();
const say = (text: string, session_id = session): NewEvent => ({
  kind: 'text',
  text,
  actor,
  target,
  session_id,
});

test('ids rise by one across restarts, and what was read before is read again unchanged', async () => {
  const first = openJournal(dir);
  const stored = await first.append([say('a'), say('b')]);
  await first.close();
  const second = openJournal(dir);
  expect(await second.read({}, eventId(0), 10)).toEqual(stored);
  const [third] = await second.append([say('c')]);
  expect([...stored.map((event) => event.id), third?.id]).toEqual([1, 2, 3]);
  await second.close();
});

test('an event is on disk before a follower is told of it', async () => {
  const journal = openJournal(dir);
  const seen: { id: number; onDisk: number }[] = [];
  const reader = new DatabaseSync(path.join(dir, 'journal.sqlite'), { readOnly: true });
  journal.follow({}, ({ id }) => {
    seen.push({ id, onDisk: Number(reader.prepare('SELECT max(id) AS id FROM events').get()?.['id']) });
  });
  await Promise.all([journal.append([say('a')]), journal.append([say('b')]), journal.append([say('c')])]);
  expect(seen).toHaveLength(3);
  for (const { id, onDisk } of seen) expect(onDisk).toBeGreaterThanOrEqual(id);
  reader.close();
  await journal.close();
});

test('a session reads its own events and the power events of its target since it was opened, and follows the same', async () => {
  const journal = openJournal(dir);
  const power = (text: string): NewEvent => ({
    kind: 'power_output',
    verb: 'status',
    stream: 'stdout',
    text,
    actor,
    target,
    operation_id: newOperationId(),
  });
  const filter = { session, sessionTarget: target };
  const followed: JournalEvent[] = [];
  await journal.append([power('before')]);
  journal.follow(filter, (event) => followed.push(event));
  await journal.append([{ kind: 'session_opened', session_id: session, actor, target }]);
  await journal.append([say('mine'), say('theirs', newSessionId()), power('after')]);
  const read = await journal.read(filter, eventId(0), 100);
  expect(read.map((event) => ('text' in event ? event.text : event.kind))).toEqual([
    'session_opened',
    'mine',
    'after',
  ]);
  expect(followed).toEqual(read);
  await journal.close();
});

test('open work is what was begun and not ended', async () => {
  const journal = openJournal(dir);
  const [done, left, operation] = [newTurnId(), newTurnId(), newOperationId()];
  const base = { actor, target, session_id: session };
  await journal.append([
    { kind: 'session_opened', ...base },
    { kind: 'user', text: 'one', turn_id: done, ...base },
    { kind: 'turn_end', turn_id: done, ...base },
    { kind: 'user', text: 'two', turn_id: left, ...base },
    { kind: 'queued', text: 'three', queue_id: 'q1', ...base },
    { kind: 'queued', text: 'four', queue_id: 'q2', ...base },
    { kind: 'unqueued', queue_id: 'q1', reason: 'started', ...base },
    { kind: 'power_started', verb: 'cycle', by: actor, operation_id: operation, actor, target },
  ]);
  const open = await journal.open();
  expect(open.turns.map((event) => event.turn_id)).toEqual([left]);
  expect(open.operations.map((event) => event.operation_id)).toEqual([operation]);
  expect(open.queued.map((event) => event.kind === 'queued' && event.queue_id)).toEqual(['q2']);
  expect((await journal.sessions({ limit: 5 })).sessions).toMatchObject([
    { session_id: session, opened_by: 'ann', title: 'one', running: true },
  ]);
  await journal.close();
});

test('a write that fails rejects, tells nobody and spends no id', async () => {
  const journal = openJournal(dir);
  await journal.append([say('a')]);
  const told: number[] = [];
  journal.follow({}, (event) => told.push(event.id));
  const blocker = new DatabaseSync(path.join(dir, 'journal.sqlite'));
  blocker.exec('BEGIN IMMEDIATE');
  await expect(journal.append([say('b')])).rejects.toMatchObject({ code: 'journal-unavailable' });
  expect(told).toEqual([]);
  blocker.exec('ROLLBACK');
  blocker.close();
  const [next] = await journal.append([say('c')]);
  expect(next?.id).toBe(2);
  await journal.close();
});

test('a damaged file and one from a newer version are refused with a reason, and left as they are', async () => {
  const file = path.join(dir, 'journal.sqlite');
  writeFileSync(file, 'this is not a database, whatever its name says. '.repeat(50));
  expect(() => openJournal(dir)).toThrow(
    `${file} is damaged: file is not a database. Move it aside and restart to get the agent back; the power buttons work.`,
  );
  expect(readFileSync(file, 'utf8')).toContain('whatever its name says');
  rmSync(file);
  await openJournal(dir).close();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(() => openJournal(dir)).toThrow(/newer version/);
});

test('a journal that cannot be opened says which file, why, and what to do', () => {
  const file = path.join(dir, 'journal.sqlite');
  mkdirSync(file);
  expect(() => openJournal(dir)).toThrow(
    new RegExp(`${file} cannot be opened: .*restart to get the agent back; the power buttons work`),
  );
});

test('a row that somebody else wrote costs no event: our ids continue after it', async () => {
  const journal = openJournal(dir);
  await journal.append([say('a')]);
  const stranger = new DatabaseSync(path.join(dir, 'journal.sqlite'));
  stranger.exec(
    "INSERT INTO events (id, at, kind, event) VALUES (2, '', 'note', '{}'), (3, '', 'note', '{}')",
  );
  stranger.close();
  const stored = await journal.append([say('b'), say('c')]);
  expect(stored.map(({ id }) => id)).toEqual([4, 5]);
  expect((await journal.append([say('d')])).map(({ id }) => id)).toEqual([6]);
  expect([journal.head(), journal.health()]).toEqual([6, undefined]);
  await journal.close();
});

test('health gives the reason of the last failed append, until one succeeds', async () => {
  const journal = openJournal(dir);
  expect(journal.health()).toBeUndefined();
  const blocker = new DatabaseSync(path.join(dir, 'journal.sqlite'));
  blocker.exec('BEGIN IMMEDIATE');
  await expect(journal.append([say('a')])).rejects.toThrow();
  expect(journal.health()).toMatch(/cannot be written \(database is locked\)/);
  blocker.exec('ROLLBACK');
  blocker.close();
  await journal.append([say('b')]);
  expect(journal.health()).toBeUndefined();
  await journal.close();
});

test('health is well again by itself when writing works again, although nobody appends anything', async () => {
  const journal = openJournal(dir, { recheckMs: 20 });
  const blocker = new DatabaseSync(path.join(dir, 'journal.sqlite'));
  blocker.exec('BEGIN IMMEDIATE');
  await expect(journal.append([say('a')])).rejects.toThrow();
  expect(journal.health()).toBeDefined();
  blocker.exec('ROLLBACK');
  blocker.close();
  await until('health', () => (journal.health() === undefined ? true : undefined));
  expect((await journal.append([say('b')])).map(({ id }) => id)).toEqual([1]);
  await journal.close();
});

test('20 writers killed with SIGKILL lose nothing that they acknowledged', async () => {
  const script = path.join(import.meta.dirname, 'writer.fixture.ts');
  let acknowledged = 0;
  for (let round = 0; round < 20; round++) {
    const child = spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data: Buffer) => {
      text += data.toString();
    });
    const closed = new Promise((resolve) => child.on('close', resolve));
    await until('the first acknowledged event', () => text.length > 0);
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 40));
    child.kill('SIGKILL');
    await closed;
    const lastWhole =
      text
        .slice(0, text.lastIndexOf('\n') + 1)
        .trimEnd()
        .split('\n')
        .at(-1) ?? '';
    acknowledged = Math.max(acknowledged, Number.parseInt(lastWhole, 10) || 0);
    const journal = openJournal(dir);
    expect(journal.head()).toBeGreaterThanOrEqual(acknowledged);
    const events = await journal.read({}, eventId(0), 1_000_000);
    expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1));
    await journal.close();
  }
});

test('a follower that throws takes nothing from the others: the event is on disk, they are told, the failure is named', async () => {
  const failures: unknown[] = [];
  const journal = openJournal(dir, { onFollowerFailure: (error) => failures.push(error) });
  const seen: number[] = [];
  journal.follow({}, () => {
    throw new Error('a reader fell over');
  });
  journal.follow({}, ({ id }) => seen.push(id));
  const stored = await journal.append([{ kind: 'note', text: 'a', actor: { type: 'server', name: 'x' } }]);
  expect(seen).toEqual(stored.map(({ id }) => id));
  expect(failures).toMatchObject([{ message: 'a reader fell over' }]);
  await journal.close();
});

test('the newest events are those at the end of what a read gives, in turn, and are found by an index', async () => {
  const journal = openJournal(dir);
  const other = 'web' as TargetName;
  for (let n = 0; n < 30; n++)
    await journal.append([
      say(`t${n}`),
      { kind: 'note', text: 'n', actor, target: n % 2 === 0 ? target : other },
      { kind: 'power_output', verb: 'status', stream: 'stdout', text: 'x', actor, target: other },
    ]);
  const kinds = ['text', 'note', 'power_output'] as const;
  for (const filter of [
    {},
    { target },
    { target: other, kinds },
    { target, kinds: ['note'] as const },
    { session },
  ])
    for (const limit of [1, 7, 1_000]) {
      const all = await journal.read(filter, eventId(0), 10_000);
      expect(await journal.newest(filter, limit)).toEqual(all.toReversed().slice(0, limit));
    }
  await journal.close();
  const database = new DatabaseSync(path.join(dir, 'journal.sqlite'), { readOnly: true });
  const branches = branchesOf({ target, kinds });
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${selectNewest(branches.map(({ sql }) => sql))}`)
    .all(...branches.flatMap(({ values }) => [...values, 0]), 5)
    .map(({ detail }) => String(detail));
  database.close();
  expect(plan.filter((detail) => detail.includes('events_target'))).toHaveLength(kinds.length);
  expect(plan.filter((detail) => /^SCAN|TEMP B-TREE/.test(detail))).toEqual([]);
});
