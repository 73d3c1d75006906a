import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { NewEvent } from '../../protocol/events.ts';
import {
  type EvidenceId,
  eventId,
  newOperationId,
  newSessionId,
  newTurnId,
  type SessionId,
  type TargetName,
} from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { proveJournal } from '../journal/prove.ts';
import { openJournal } from '../journal/sqlite.ts';
import { type RetentionParts, removeWhatIsOld } from './retention.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-27T12:00:00Z');
const ann = { type: 'operator', name: 'ann' } as const;
const target = 'devvm' as TargetName;

function house(keep: Partial<RetentionParts['keep']>, channels: readonly string[] = []) {
  const dir = tempDir();
  const clock = { now: NOW };
  const journal = openJournal(dir, { now: () => clock.now });
  onTestFinished(() => journal.close());
  const bundles: string[] = [];
  const forgotten: SessionId[] = [];
  const parts: RetentionParts = {
    keep: { days: undefined, megabytes: undefined, ...keep },
    journal,
    channels,
    removeEvidence: async (of, id) => void bundles.push(`${of}/${id}`),
    forget: (session) => void forgotten.push(session),
    logger: pino({ level: 'silent' }),
    now: () => NOW,
  };
  return {
    dir,
    journal,
    bundles,
    forgotten,
    /** Appends as if it were so many days ago. */
    ago: async (days: number, events: readonly NewEvent[]) => {
      clock.now = NOW - days * DAY;
      const stored = await journal.append(events);
      clock.now = NOW;
      return stored;
    },
    run: () => removeWhatIsOld(parts, new AbortController().signal),
    all: () => journal.read({}, eventId(0), 1_000_000),
    sessions: async () =>
      (await journal.sessions({ limit: 1_000 })).sessions.map(({ session_id }) => session_id),
  };
}

function incident(
  text = 'x',
  more: (base: { session_id: SessionId; target: TargetName }) => NewEvent[] = () => [],
) {
  const session_id = newSessionId();
  const base = { actor: ann, session_id, target };
  const turn_id = newTurnId();
  const events: NewEvent[] = [
    { kind: 'session_opened', ...base },
    { kind: 'user', text, turn_id, ...base },
    { kind: 'turn_end', turn_id, ...base },
    ...more({ session_id, target }),
  ];
  return { session_id, events };
}
const verb = (ended: boolean, evidence?: string): NewEvent[] => {
  const base = { actor: ann, operation_id: newOperationId(), target };
  return [
    { kind: 'power_started', verb: 'forensics', by: ann, ...base },
    ...(evidence === undefined
      ? []
      : [
          {
            kind: 'evidence',
            evidence_id: evidence as EvidenceId,
            verb: 'forensics',
            status: 'complete',
            summary: '',
            ...base,
          } as const,
        ]),
    ...(ended
      ? [{ kind: 'power_finished', verb: 'forensics', state: 'succeeded', steps: [], ...base } as const]
      : []),
  ];
};

test('without a limit nothing is ever deleted', async () => {
  const { ago, run, all } = house({});
  await ago(4_000, incident().events);
  await run();
  expect(await all()).toHaveLength(3);
});

test('what is older than the limit goes whole, with its evidence and conversation; it is recorded, and what is left is a good journal', async () => {
  const { dir, ago, run, all, sessions, bundles, forgotten } = house({ days: 30 });
  const [old, young] = [incident(), incident()];
  await ago(40, [...old.events, ...verb(true, 'b1')]);
  await ago(20, [...young.events, ...verb(true, 'b2')]);
  await run();
  expect(await sessions()).toEqual([young.session_id]);
  expect([bundles, forgotten]).toEqual([['devvm/b1'], [old.session_id]]);
  const left = await all();
  expect(left.map(({ kind }) => kind)).toEqual([
    'session_opened',
    'user',
    'turn_end',
    'power_started',
    'evidence',
    'power_finished',
    'note',
  ]);
  const note = left.at(-1);
  expect(note?.kind === 'note' && note.text).toMatch(
    new RegExp(
      `^Retention deletes, because older than 30 days: 6 events and 1 bundles .*session ${old.session_id} .*operation `,
    ),
  );
  expect(proveJournal(`${dir}/journal.sqlite`).problems).toEqual([]);
});

test('an incident that is open stays, however old: a turn, an operation, a prompt that waits, or something of the last seven days', async () => {
  const { ago, run, all, sessions, journal } = house({ days: 1, megabytes: 1 });
  const turn = incident('a turn', (base) => [
    { kind: 'user', text: 'open', turn_id: newTurnId(), actor: ann, ...base },
  ]);
  const waiting = incident('a prompt', (base) => [
    { kind: 'queued', text: 'later', queue_id: 'q', actor: ann, ...base },
  ]);
  const pressing = incident('a verb', ({ session_id }) =>
    verb(false).map((event) => ({ ...event, session_id })),
  );
  const recent = incident('touched');
  await ago(
    400,
    [turn, waiting, pressing, recent].flatMap(({ events }) => events),
  );
  await ago(400, verb(false));
  await ago(400, [{ kind: 'note', text: 'x'.repeat(3_000_000), actor: ann }]);
  await ago(6, [{ kind: 'text', text: 'still at it', actor: ann, target, session_id: recent.session_id }]);
  const before = await all();
  await run();
  expect(await all()).toEqual(before);
  expect(await sessions()).toHaveLength(4);
  expect(await journal.open()).toMatchObject({ turns: [{}], operations: [{}, {}], queued: [{}] });
});

test('what a channel of the audit log has not sent yet stays until it has', async () => {
  const { ago, run, sessions, journal } = house({ days: 30 }, ['audit-syslog']);
  const channel = journal.outbox('audit-syslog');
  await channel.state();
  const [first, second] = [incident(), incident()];
  const [stored] = [await ago(100, first.events), await ago(90, second.events)];
  await run();
  expect(await sessions()).toHaveLength(2);
  await channel.sent(stored.at(-1)?.id ?? eventId(0));
  await run();
  expect(await sessions()).toEqual([second.session_id]);
  await channel.sent(journal.head());
  await run();
  expect(await sessions()).toEqual([]);
});

test('a journal that is too large loses its oldest incidents until it is not, and no more', async () => {
  const { ago, run, sessions, journal } = house({ megabytes: 3 });
  const ids: SessionId[] = [];
  for (let day = 60; day > 0; day--) {
    const { session_id, events } = incident('x'.repeat(100_000));
    await ago(day, events);
    ids.unshift(session_id);
  }
  expect(await journal.bytes()).toBeGreaterThan(6_000_000);
  await run();
  const bytes = await journal.bytes();
  expect(bytes).toBeLessThanOrEqual(3 * 1024 ** 2);
  expect(bytes).toBeGreaterThan(2.6 * 1024 ** 2);
  const left = await sessions();
  expect(left).toEqual(ids.slice(0, left.length));
});

test('the number of a deleted event is never given again, also when all there was is deleted and the console starts anew', async () => {
  const { dir, ago, run, journal } = house({ days: 30 });
  await ago(40, Array.from({ length: 30 }, () => incident().events).flat());
  const head = journal.head();
  await run();
  await journal.close();
  const again = openJournal(dir);
  onTestFinished(() => again.close());
  const [next] = await again.append([{ kind: 'note', text: 'next', actor: ann }]);
  expect(next?.id).toBeGreaterThan(head + 1);
});

test('a deletion that is cut off in the middle is taken up again', async () => {
  const { dir, ago, journal } = house({ days: 30 });
  const long = incident('x', (base) =>
    Array.from({ length: 2_000 }, () => ({ kind: 'text', text: 'x', actor: ann, ...base })),
  );
  await ago(40, long.events);
  const [old] = await journal.removable({
    before: new Date(NOW).toISOString(),
    upTo: journal.head(),
    limit: 1,
  });
  if (old === undefined) throw new Error('it is old and over');
  await journal.append([{ kind: 'note', text: 'first', actor: ann }]);
  // Closing the journal under it is what a kill does: some slices are gone, the rest is not.
  const cut = journal.remove(old);
  await new Promise((resolve) => setImmediate(resolve));
  await journal.close();
  await cut.catch(() => undefined);
  const again = openJournal(dir, { now: () => NOW });
  onTestFinished(() => again.close());
  const rest = await again.read({ session: long.session_id }, eventId(0), 10_000);
  expect(rest.length).toBeGreaterThan(0);
  expect(rest.length).toBeLessThan(long.events.length);
  expect(rest[0]?.kind).toBe('session_opened');
  const [left] = await again.removable({ before: new Date(NOW).toISOString(), upTo: again.head(), limit: 1 });
  expect(left).toMatchObject({ of: old.of, events: rest.length });
});

test('by age, sign-ins and starts go too, as far as they were sent; the notes that tell of deletions stay', async () => {
  const { ago, run, all, journal } = house({ days: 30 }, ['audit-syslog']);
  const channel = journal.outbox('audit-syslog');
  await channel.state();
  const signIn = { kind: 'access', what: 'signed_in', detail: 'ann', actor: ann } as const;
  const [old] = await ago(40, [signIn]);
  await ago(39, [signIn, { kind: 'note', text: 'Retention deletes, …', actor: ann }]);
  await ago(20, [signIn]);
  await channel.sent(old?.id ?? eventId(0));
  await run();
  expect((await all()).map(({ id, kind }) => [id, kind])).toEqual([
    [2, 'access'],
    [3, 'note'],
    [4, 'access'],
    [5, 'note'],
  ]);
  await channel.sent(journal.head());
  await run();
  expect((await all()).map(({ kind }) => kind)).toEqual(['note', 'access', 'note', 'note']);
});

test('by age, examinations of the links go too: a page that checks by itself makes many', async () => {
  const { ago, run, all } = house({ days: 30 });
  const count = { works: 1, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 };
  await ago(40, [{ kind: 'examined', count, broken: [], newly_broken: [], mended: [], actor: ann }]);
  await ago(20, [{ kind: 'examined', count, broken: [], newly_broken: [], mended: [], actor: ann }]);
  await run();
  expect((await all()).map(({ id, kind }) => [id, kind])).toEqual([
    [2, 'examined'],
    [3, 'note'],
  ]);
});
