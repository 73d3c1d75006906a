import { expect, test } from 'vitest';
import { toolCallId } from '../../protocol/ids.ts';
import type { AgentEvent } from './port.ts';
import { NotRecorded, TurnFeed } from './turn-feed.ts';

const text = (value: string): AgentEvent => ({ type: 'event', body: { kind: 'text', text: value } });
const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 20)),
  ]);

test('an event counts as recorded when the next one is asked for, not when it was handed over', async () => {
  const feed = new TurnFeed(() => undefined);
  const recorded = feed.emit(text('a'));
  expect(await feed.next()).toMatchObject({ value: text('a') });
  expect(await settled(recorded)).toBe(false);
  void feed.next();
  expect(await settled(recorded)).toBe(true);
});

test('a consumer that turns away fails everything that waits, once, and later emits too', async () => {
  let abandoned = 0;
  const feed = new TurnFeed(() => {
    abandoned += 1;
  });
  const [first, second] = [feed.emit(text('a')), feed.emit(text('b'))];
  const both = Promise.allSettled([first, second]);
  await feed.next();
  await feed.return();
  await feed.return();
  expect((await both).map((each) => each.status)).toEqual(['rejected', 'rejected']);
  await expect(feed.emit(text('c'))).rejects.toThrow(NotRecorded);
  expect(abandoned).toBe(1);
});

test('what waits is still handed over after the end', async () => {
  const feed = new TurnFeed(() => undefined);
  void feed.emit(text('a'));
  feed.end();
  expect((await feed.next()).done).toBe(false);
  expect((await feed.next()).done).toBe(true);
});

test('live text for a slow consumer is joined, in order, and bounded', async () => {
  const feed = new TurnFeed(() => undefined);
  feed.show({ type: 'delta', text: 'a' });
  feed.show({ type: 'delta', text: 'b' });
  void feed.emit(text('block'));
  for (let line = 0; line < 5_000; line += 1)
    feed.show({
      type: 'output',
      toolCallId: toolCallId('t'),
      stream: 'stdout',
      text: `line ${line} of many more\n`,
    });
  feed.end();
  const events: AgentEvent[] = [];
  for await (const each of feed) events.push(each);
  expect(events.map((each) => each.type)).toEqual(['delta', 'event', 'output']);
  expect(events[0]).toEqual({ type: 'delta', text: 'ab' });
  const output = events[2]?.type === 'output' ? events[2].text : '';
  expect(output.length).toBeLessThanOrEqual(64 * 1024);
  expect(output.endsWith('line 4999 of many more\n')).toBe(true);
});
