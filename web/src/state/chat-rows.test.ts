import { describe, expect, it } from 'vitest';
import type { WireEvent } from '../../../protocol/events.ts';
import { chatRows, looksWords, plainItem } from './chat-rows.ts';
import { emptyTranscript, reduce } from './transcript.ts';

let nextId = 1;
const event = (body: Record<string, unknown>): WireEvent =>
  ({
    id: nextId++,
    at: '2026-01-01T03:00:00.000Z',
    v: 1,
    actor: { type: 'agent', name: 'a' },
    ...body,
  }) as unknown as WireEvent;
const rows = (...events: WireEvent[][]) => chatRows(events.flat().reduce(reduce, emptyTranscript).items);

const command = (id: string, line: string, exit = 0, account = 'observer'): WireEvent[] => [
  event({
    kind: 'tool',
    name: 'ssh',
    tool_call_id: id,
    input: { host: 'devvm', account, command: `ssh devvm ${line}` },
  }),
  event({
    kind: 'tool_result',
    tool_call_id: id,
    name: 'ssh',
    is_error: exit !== 0,
    output: line,
    truncated: false,
    exit_code: exit,
    ended: 'exited',
    duration_ms: 1_500,
  }),
];
const verb = (id: string, name: string, state = 'succeeded'): WireEvent[] => [
  event({ kind: 'tool', name: 'ssh', tool_call_id: id, input: { host: 'pve', command: `ssh pve ${name}` } }),
  event({
    kind: 'power_started',
    operation_id: `op-${id}`,
    target: 'devvm',
    verb: name,
    by: { type: 'agent', name: 'a' },
  }),
  event({ kind: 'power_finished', operation_id: `op-${id}`, verb: name, state, steps: [] }),
  event({
    kind: 'tool_result',
    tool_call_id: id,
    name: 'ssh',
    is_error: false,
    output: 'all of it again',
    truncated: false,
    duration_ms: 9,
  }),
];
const shape = (list: ReturnType<typeof rows>) =>
  list.map((row) =>
    row.kind === 'looks'
      ? looksWords(row.looks).names
      : row.kind === 'item'
        ? row.item.kind
        : row.item.operation.verb,
  );

describe('looks', () => {
  it('that went well and follow each other are one row; failures and the last one stay open', () => {
    const list = rows(
      command('a', 'df -h'),
      command('b', 'du -x /'),
      command('c', 'systemctl status x', 3),
      command('d', 'lsof'),
      command('e', 'free'),
    );
    expect(shape(list)).toEqual(['df, du', 'tool', 'lsof', 'tool']);
    expect(list[0]?.kind === 'looks' && looksWords(list[0].looks)).toEqual({
      count: '2 looks',
      names: 'df, du',
      took: '3.0 s',
    });
  });

  it('are parted by what is said between them', () => {
    expect(
      shape(
        rows(
          command('a', 'df'),
          [event({ kind: 'text', text: 'full' })],
          command('b', 'du'),
          command('c', 'id'),
        ),
      ),
    ).toEqual(['df', 'text', 'du', 'tool']);
  });

  it('are never what could change something', () => {
    expect(shape(rows(command('a', 'rm x', 0, 'repair'), command('b', 'df')))).toEqual(['tool', 'tool']);
  });

  it('keep their key when another one joins them, so that an open row stays open', () => {
    const first = rows(command('a', 'df'), command('b', 'du'));
    nextId -= 4;
    const then = rows(command('a', 'df'), command('b', 'du'), command('c', 'id'));
    expect(then[0]?.key).toBe(first[0]?.key);
  });
});

describe('a verb of the agent', () => {
  it('stands once, as its operation, with its call for who approved it', () => {
    const list = rows(verb('a', 'cycle'));
    expect(list).toMatchObject([
      { kind: 'operation', item: { operation: { verb: 'cycle' } }, call: { callId: 'a' } },
    ]);
  });

  it('that only looked is a look like others', () => {
    expect(shape(rows(verb('a', 'status'), command('b', 'df'), command('c', 'id')))).toEqual([
      'status, df',
      'tool',
    ]);
  });

  it('that failed is none', () => {
    expect(shape(rows(verb('a', 'status', 'failed'), command('b', 'df')))).toEqual(['status', 'tool']);
    expect(rows(verb('a', 'status', 'failed'), command('b', 'df'))[0]?.kind).toBe('operation');
  });
});

it('an item that cannot be drawn has its words as text', () => {
  const [row] = rows(command('a', 'df -h', 1));
  expect(row?.kind === 'item' && plainItem(row.item)).toBe('ssh devvm df -h\n\ndf -h');
});
