import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { JournalEvent } from '../../protocol/events.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { Journal } from '../journal/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import { type Channel, type RunningOutbox, startOutbox } from './outbox.ts';

const logger = pino({ level: 'silent' });
const actor = { type: 'server', name: 'test' } as const;
const note = (text: string) => ({ kind: 'note', text, actor }) as const;
const texts = (events: readonly JournalEvent[]): string[] =>
  events.flatMap((event) => (event.kind === 'note' ? [event.text] : []));

function house(dir = tempDir()) {
  const journal = openJournal(dir);
  onTestFinished(() => journal.close());
  const arrived: JournalEvent[] = [];
  const receiver = { down: false };
  const channel: Channel = {
    name: 'audit',
    filter: { kinds: ['note'] },
    async send(events) {
      if (receiver.down) throw new Error('connection refused');
      arrived.push(...events);
    },
  };
  const start = (over: Partial<Channel> = {}, on: Journal = journal): RunningOutbox => {
    const outbox = startOutbox({ journal: on, channel: { ...channel, ...over }, logger, pauseMs: () => 5 });
    onTestFinished(() => outbox.close());
    return outbox;
  };
  return { journal, arrived, receiver, start };
}
const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 20_000, interval: 5 });

test('events that concern the channel arrive in order; those from before it existed do not arrive', async () => {
  const { journal, arrived, start } = house();
  await journal.append([note('before')]);
  const outbox = start();
  await outbox.state();
  await journal.append([note('a'), { kind: 'turn_end', actor }, note('b')]);
  await journal.append([note('c')]);
  await until(() => expect(texts(arrived)).toEqual(['a', 'b', 'c']));
  await until(async () =>
    expect(await outbox.state()).toMatchObject({ sentId: journal.head(), attempts: 0, trouble: null }),
  );
});

test('a receiver that is down loses nothing: the reason is kept, and later everything arrives in order', async () => {
  const { journal, arrived, receiver, start } = house();
  const outbox = start();
  await outbox.state();
  receiver.down = true;
  await journal.append(['a', 'b', 'c'].map(note));
  await until(async () => {
    const { attempts, trouble } = await outbox.state();
    expect(attempts).toBeGreaterThan(2);
    expect(trouble).toBe('connection refused');
  });
  expect(arrived).toEqual([]);
  receiver.down = false;
  await until(() => expect(texts(arrived)).toEqual(['a', 'b', 'c']));
  await until(async () => expect(await outbox.state()).toMatchObject({ attempts: 0, trouble: null }));
});

test('a server that is killed goes on where it was: nothing is lost, and only what was being sent comes twice', async () => {
  const { journal, arrived, start } = house();
  const hangs = { on: 'b' };
  const first = start({
    async send(events, signal) {
      arrived.push(...events);
      if (!texts(events).includes(hangs.on)) return;
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('cut off')), { once: true });
      });
    },
  });
  await first.state();
  await journal.append([note('a')]);
  await until(async () => expect((await first.state()).sentId).toBe(1));
  await journal.append([note('b')]);
  await until(() => expect(texts(arrived)).toEqual(['a', 'b']));
  await journal.append([note('c')]);
  await first.close(); // As far as the journal knows: killed while b was under way.
  start();
  await until(() => expect(texts(arrived)).toEqual(['a', 'b', 'b', 'c']));
});

test('when the journal is gone nothing is sent, and the outbox does not end', async () => {
  const { journal, start } = house();
  const outbox = start();
  await outbox.state();
  await journal.close();
  await outbox.close();
});
