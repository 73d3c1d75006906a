// What a report reads of a real journal, and that it stays small.
import { expect, onTestFinished, test } from 'vitest';
import type { NewEvent } from '../../protocol/events.ts';
import {
  newOperationId,
  newSessionId,
  type SessionId,
  type TargetName,
  toolCallId,
} from '../../protocol/ids.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { openJournal } from '../journal/sqlite.ts';
import { ofSession, ofTarget } from './gather.ts';

const TARGET = 'devvm' as TargetName;
const OTHER = 'buildvm' as TargetName;
const NIGHT = Date.parse('2026-11-27T02:00:00Z');
const MINUTE = 60_000;
const ANNA = { type: 'operator', name: 'anna' } as const;

function journalAt() {
  let nowMs = NIGHT;
  const journal = openJournal(tempDir(), { now: () => nowMs });
  onTestFinished(() => journal.close());
  const at = async (minute: number, ...events: NewEvent[]): Promise<void> => {
    nowMs = NIGHT + minute * MINUTE;
    await journal.append(events);
  };
  return { journal, at };
}

const opened = (session_id: SessionId): NewEvent => ({
  kind: 'session_opened',
  session_id,
  target: TARGET,
  actor: ANNA,
});
const asked = (session_id: SessionId, text: string): NewEvent => ({
  kind: 'user',
  text,
  session_id,
  target: TARGET,
  actor: ANNA,
});
const pressed = (target: TargetName, verb: 'cycle' | 'reset'): NewEvent => ({
  kind: 'power_started',
  verb,
  by: ANNA,
  target,
  operation_id: newOperationId(),
  actor: ANNA,
});
const verbsIn = (events: readonly { readonly kind: string }[]): unknown[] =>
  events.flatMap((event) => (event.kind === 'power_started' && 'verb' in event ? [event.verb] : []));

test('a session has what people pressed on its target until an hour after its last word, and nothing of another target', async () => {
  const { journal, at } = journalAt();
  const id = newSessionId();
  await at(0, pressed(TARGET, 'reset'));
  await at(1, opened(id), asked(id, 'Look.'));
  await at(2, pressed(OTHER, 'reset'));
  await at(59, pressed(TARGET, 'cycle'));
  await at(62, pressed(TARGET, 'reset'));
  const { events, leftOut } = await ofSession(journal, { id, target: TARGET });
  expect(events.map(({ kind }) => kind)).toEqual(['session_opened', 'user', 'power_started']);
  expect(verbsIn(events)).toEqual(['cycle']);
  expect(leftOut).toBe(0);
});

test('a span of a target has what happened from its first to its last moment, whoever did it, also without a session', async () => {
  const { journal, at } = journalAt();
  const id = newSessionId();
  await at(0, pressed(TARGET, 'reset'));
  await at(10, opened(id), asked(id, 'Look.'));
  await at(20, pressed(OTHER, 'reset'), pressed(TARGET, 'cycle'));
  await at(30, pressed(TARGET, 'reset'));
  const span = (from: number, to: number) =>
    ofTarget(journal, { target: TARGET, sinceMs: NIGHT + from * MINUTE, untilMs: NIGHT + to * MINUTE });
  expect((await span(10, 20)).events.map(({ kind }) => kind)).toEqual([
    'session_opened',
    'user',
    'power_started',
  ]);
  expect(verbsIn((await span(0, 30)).events)).toEqual(['reset', 'cycle', 'reset']);
  expect((await span(31, 40)).events).toEqual([]);
  expect((await span(-9, -1)).events).toEqual([]);
});

test('of a session with more events than the bound the first and the last are read, and how many are not', async () => {
  const { journal, at } = journalAt();
  const id = newSessionId();
  await at(0, opened(id));
  for (let minute = 1; minute <= 90; minute += 1)
    await at(minute, asked(id, `prompt ${minute}`), { kind: 'note', text: 'x', session_id: id, actor: ANNA });
  const { events, leftOut, firstPart } = await ofSession(
    journal,
    { id, target: TARGET },
    { first: 3, last: 4 },
  );
  const texts = events.map((event) => (event.kind === 'user' ? event.text : event.kind));
  expect(texts).toEqual([
    'session_opened',
    'prompt 1',
    'prompt 2',
    'prompt 87',
    'prompt 88',
    'prompt 89',
    'prompt 90',
  ]);
  expect([leftOut, firstPart]).toEqual([84, 3]);
});

test('a long output is cut, and says by how much', async () => {
  const { journal, at } = journalAt();
  const id = newSessionId();
  await at(0, opened(id), {
    kind: 'tool_result',
    tool_call_id: toolCallId('c'),
    name: 'ssh',
    is_error: false,
    output: 'x'.repeat(1_000_000),
    truncated: false,
    duration_ms: 1,
    session_id: id,
    target: TARGET,
    actor: ANNA,
  });
  const { events } = await ofSession(journal, { id, target: TARGET });
  const output = events.flatMap((event) => (event.kind === 'tool_result' ? [event.output] : [])).join('');
  expect(output).toHaveLength(4_000 + '… (996000 more characters)'.length);
  expect(output).toContain('996000 more characters');
});

test('many long texts are cut more, so that all of them together stay small; meanwhile others are served', async () => {
  const { journal, at } = journalAt();
  const id = newSessionId();
  await at(0, opened(id), ...Array.from({ length: 600 }, () => asked(id, '\u202e'.repeat(4_000))));
  let served = 0;
  const other = setInterval(() => served++, 0);
  const { events, leftOut } = await ofSession(journal, { id, target: TARGET });
  clearInterval(other);
  const texts = events.flatMap((event) => (event.kind === 'user' ? [event.text] : []));
  expect([texts.length, leftOut]).toEqual([600, 0]);
  expect(texts.join('').length).toBeLessThan(1_100_000);
  expect(texts[0]).toContain('more characters');
  expect(served).toBeGreaterThan(0);
});
