import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import type { NewEvent } from '../../protocol/events.ts';
import { newSessionId, newTurnId, type SessionId, type TargetName } from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { proveJournal } from './prove.ts';
import { MATCHES_LOOKED_AT, selectSessions } from './sql.ts';
import { openJournal } from './sqlite.ts';

const ann = { type: 'operator', name: 'ann' } as const;
const bob = { type: 'operator', name: 'bob' } as const;
const devvm = 'devvm' as TargetName;

function house() {
  const dir = tempDir();
  let journal = openJournal(dir);
  onTestFinished(() => journal.close());
  const prompt = (session_id: SessionId, text: string, actor: NewEvent['actor'] = ann, target = devvm) => {
    const base = { actor, session_id, target, turn_id: newTurnId() };
    return [
      { kind: 'user', text, ...base },
      { kind: 'turn_end', ...base },
    ] as const satisfies NewEvent[];
  };
  return {
    prompt,
    append: (events: readonly NewEvent[]) => journal.append(events),
    opened: async (...texts: readonly string[]) => {
      const session_id = newSessionId();
      await journal.append([
        { kind: 'session_opened', actor: ann, session_id, target: devvm },
        ...texts.flatMap((text) => prompt(session_id, text)),
      ]);
      return session_id;
    },
    list: (request: Partial<Parameters<typeof journal.sessions>[0]> = {}) =>
      journal.sessions({ limit: 50, ...request }),
    found: async (search: string) =>
      (await journal.sessions({ limit: 50, search })).sessions.map((s) => s.title),
    remove: async (id: SessionId) => {
      const old = (await journal.removable({ before: '9', upTo: journal.head(), limit: 100 })).find(
        ({ of }) => of.id === id,
      );
      if (old === undefined) throw new Error('it may not be removed');
      await journal.remove(old);
    },
    restart: async () => {
      await journal.close();
      journal = openJournal(dir);
    },
    close: () => journal.close(),
    file: `${dir}/journal.sqlite`,
    planOf: (sql: string): string => {
      const database = new DatabaseSync(`${dir}/journal.sqlite`, { readOnly: true });
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
      database.close();
      expect(plan.map(({ detail }) => detail)).not.toContainEqual(
        expect.stringMatching(/TEMP B-TREE|SCAN s\b/),
      );
      return plan.map(({ detail }) => String(detail)).join('\n');
    },
  };
}

test('a session that was never prompted is not on the list; with its first prompt or its incident it is', async () => {
  const { opened, append, prompt, list } = house();
  const [first, second] = [await opened(), await opened()];
  expect((await list()).sessions).toEqual([]);
  await append(prompt(first, 'hello'));
  await append([
    {
      kind: 'incident_opened',
      incident_id: second,
      title: 'SSH is silent',
      source: 'uptime-kuma',
      actor: { type: 'server', name: 'breakglass' },
      session_id: second,
      target: devvm,
    },
  ]);
  expect((await list()).sessions).toMatchObject([
    { session_id: second, title: 'SSH is silent', people: [], running: false },
    { session_id: first, title: 'hello', people: ['ann'], named: false },
  ]);
});

test('the latest activity is first, each who prompted is named once, and a running turn is told', async () => {
  const { opened, append, prompt, list, restart } = house();
  const old = await opened('old question');
  const young = await opened('young question');
  expect((await list()).sessions.map(({ session_id }) => session_id)).toEqual([young, old]);
  await append([...prompt(old, 'again', bob), ...prompt(old, 'and again', bob)]);
  await append(prompt(young, 'not ended').slice(0, 1));
  await append(prompt(old, 'last', ann));
  const before = await list();
  expect(before.sessions).toMatchObject([
    { session_id: old, title: 'old question', people: ['ann', 'bob'], running: false },
    { session_id: young, running: true },
  ]);
  await restart();
  expect(await list()).toEqual(before);
});

test('the name that a person gave is the title, both are found, and a name moves nothing up', async () => {
  const { opened, append, list, found } = house();
  const old = await opened('disk full');
  await opened('other');
  await append([
    {
      kind: 'session_renamed',
      title: 'The Friday outage',
      by: 'bob',
      actor: bob,
      session_id: old,
      target: devvm,
    },
  ]);
  expect((await list()).sessions).toMatchObject([
    { title: 'other' },
    { title: 'The Friday outage', named: true, people: ['ann'] },
  ]);
  expect(await found('friday')).toEqual(['The Friday outage']);
  expect(await found('DISK')).toEqual(['The Friday outage']);
});

test('a page ends where the next begins, and together they are all, also while sessions move up', async () => {
  const { opened, append, prompt, list } = house();
  const all: SessionId[] = [];
  for (let count = 0; count < 25; count++) all.unshift(await opened(`question ${count}`));
  const pages: SessionId[][] = [];
  for (let before: Awaited<ReturnType<typeof list>>['next']; ; ) {
    const { sessions, next } = await list({ limit: 10, ...(before === undefined ? {} : { before }) });
    pages.push(sessions.map(({ session_id }) => session_id));
    if (next === undefined) break;
    before = next;
    // One that was shown already.
    await append(prompt(all[0] ?? newSessionId(), 'more'));
  }
  expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
  expect(pages.flat()).toEqual(all);
  expect((await list({ limit: 25 })).next).toBeUndefined();
});

test('a search finds words and their beginnings in any case, only where all are in one prompt', async () => {
  const { opened, found } = house();
  await opened('Why is PostgreSQL on db-1 slow?', 'look at fe80::1%vmbr0');
  await opened('Café Zürich, ПРИВЕТ', 'disk');
  for (const search of ['postgres', 'POSTGRESQL slow', 'slow why', 'db-1', 'fe80::1%vm', 'db', 'd'])
    expect([search, await found(search)]).toEqual([
      search,
      expect.arrayContaining(['Why is PostgreSQL on db-1 slow?']),
    ]);
  for (const search of ['cafe', 'ZURICH', 'привет', 'Café,'])
    expect([search, await found(search)]).toEqual([search, ['Café Zürich, ПРИВЕТ']]);
  for (const search of ['sql', 'postgres vmbr0', 'absent', '?!', '-', '"'])
    expect([search, await found(search)]).toEqual([search, []]);
});

test('nothing that is typed into the search is an operator, and nothing makes it fail', async () => {
  const { opened, found } = house();
  await opened('plain text');
  for (const search of [
    'text OR absent',
    'plain NOT text',
    'text:plain',
    'session_id:a',
    'NEAR(plain text)',
    '"plain" "absent',
    'pl* absent',
    '^absent',
    '{text}: absent',
    "'; DROP TABLE events; --",
    '%',
    '\0',
    '\uD800',
    'a '.repeat(100),
    'x'.repeat(200),
  ])
    expect([search, await found(search)]).toEqual([search, []]);
  expect(await found('"plain"')).toEqual(['plain text']);
  expect(await found('plain\u0000text')).toEqual(['plain text']);
});

test('hostile first prompts are titles of one line, cut, and harm neither the list nor the search', async () => {
  const { opened, list, found, close, file } = house();
  await opened('\uD800 lone');
  await opened(`</script><img src=x>\n\n\t second line\u0000 ${'x'.repeat(5_000)}`);
  await opened('👩‍🚒'.repeat(300));
  await opened(' \n ', `'); DELETE FROM events; --`);
  const { sessions } = await list();
  expect(sessions).toHaveLength(4);
  for (const { title } of sessions) {
    expect(title).not.toMatch(/[\n\t]/);
    expect(Array.from(title).length).toBeLessThanOrEqual(200);
  }
  expect(await found('second')).toHaveLength(1);
  expect(await found('delete')).toHaveLength(1);
  await close();
  expect(proveJournal(file).problems).toEqual([]);
});

test('what is removed from the journal is neither listed nor found', async () => {
  const { opened, list, found, remove } = house();
  const [gone, stays] = [await opened('gone words'), await opened('words that stay')];
  await remove(gone);
  expect((await list()).sessions).toMatchObject([{ session_id: stays }]);
  expect(await found('words')).toEqual(['words that stay']);
  expect(await found('gone')).toEqual([]);
});

test('of a target only its own sessions are shown', async () => {
  const { opened, append, prompt, list } = house();
  await opened('here');
  const session_id = newSessionId();
  const other = 'db-1' as TargetName;
  await append([
    { kind: 'session_opened', actor: ann, session_id, target: other },
    ...prompt(session_id, 'there', ann, other),
  ]);
  expect((await list({ target: other })).sessions).toMatchObject([{ title: 'there', target: 'db-1' }]);
  expect((await list({ target: other, search: 'here' })).sessions).toEqual([]);
  expect((await list({ target: 'moon' as TargetName })).sessions).toEqual([]);
});

test('of 10,000 sessions a page is read by the index, and a word that is in all of them is looked at no further than said', async () => {
  const { append, prompt, list, restart, planOf } = house();
  for (let written = 0; written < 10_000; written += 1_000)
    await append(
      Array.from({ length: 1_000 }, (_, index) => {
        const session_id = newSessionId();
        return [
          { kind: 'session_opened', actor: ann, session_id, target: devvm } as const,
          ...prompt(session_id, `common word ${written + index === 7 ? 'needle' : 'hay'}`),
        ];
      }).flat(),
    );
  await restart();
  const all = await list();
  expect([all.sessions.length, all.cut, all.next !== undefined]).toEqual([50, false, true]);
  const [common, needle] = [await list({ search: 'common' }), await list({ search: 'comm need' })];
  expect([common.sessions.length, common.cut]).toEqual([50, true]);
  expect([needle.sessions.length, needle.cut]).toEqual([1, false]);
  let [seen, before] = [0, common.next];
  for (seen = common.sessions.length; before !== undefined; ) {
    const page = await list({ search: 'common', before });
    seen += page.sessions.length;
    before = page.next;
  }
  expect(seen).toBe(MATCHES_LOOKED_AT);
  for (const by of [
    { words: false, target: false },
    { words: false, target: true },
  ])
    expect(planOf(selectSessions(by))).toMatch(
      /^SEARCH s USING INDEX session_list_(active|target) \((target=\? AND )?active_id<\?\)$/m,
    );
  // Nothing matches here, but not all matches were looked at.
  expect(await list({ search: 'common', target: 'moon' as TargetName })).toMatchObject({
    sessions: [],
    cut: true,
  });
});
