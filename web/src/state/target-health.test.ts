import { describe, expect, it } from 'vitest';
import { parseTargetName, type TargetName } from '../../../protocol/ids.ts';
import type { TargetState } from '../../../protocol/me.ts';
import { healthOf, type Level, tooLow, worstFirst } from './target-health.ts';

const NOW = Date.parse('2026-01-01T03:00:00.000Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();
const never = { answers: null, reading: 'unknown', at: null } as const;
const sshSilent = (ms: number) => ({ answers: false, reading: 'silent', at: ago(ms) }) as const;
const sshWorks = (ms: number) => ({ answers: true, reading: 'works', at: ago(ms) }) as const;
const state = (more: Partial<TargetState>): TargetState => ({
  name: parseTargetName('web-1') as TargetName,
  vm: { state: 'running', at: ago(1_000) },
  ssh: never,
  qmp: never,
  guest_agent: never,
  warnings: [],
  operation: null,
  ...more,
});
const level = (more: Partial<TargetState>) => healthOf(state(more), NOW).level;

describe('how a target is', () => {
  it('is asked for until something was read', () => {
    expect(healthOf(undefined, NOW)).toMatchObject({ level: 'asking', words: 'asking' });
    expect(level({ vm: { state: 'unknown', at: null } })).toBe('asking');
  });

  it('is not known where the power host did not say, with the reason', () => {
    const vm = { state: 'unknown', at: null, detail: 'No route to the power host.' };
    expect(healthOf(state({ vm }), NOW)).toEqual({
      level: 'unknown',
      words: 'not known',
      detail: 'No route to the power host.',
    });
    expect(level({ vm: { ...vm, at: ago(1_000) } })).toBe('unknown');
  });

  it('is not known from a reading past 15 s, whatever it said', () => {
    for (const vm of ['running', 'stopped'])
      expect(healthOf(state({ vm: { state: vm, at: ago(40_000) } }), NOW)).toMatchObject({
        level: 'unknown',
        words: `${vm} 40 s ago`,
      });
  });

  it('is stopped in every state but running', () => {
    for (const word of ['stopped', 'paused', 'io-error'])
      expect(healthOf(state({ vm: { state: word, at: ago(0) } }), NOW)).toMatchObject({
        level: 'stopped',
        words: word,
      });
  });

  it('is silent where one of those that were asked does not answer', () => {
    const silent = { answers: false, at: ago(2_000) };
    const each: Partial<TargetState>[] = [
      { ssh: sshSilent(2_000) },
      { qmp: silent },
      { guest_agent: silent },
    ];
    for (const more of each) expect(level(more)).toBe('silent');
    expect(healthOf(state({ ssh: sshSilent(2_000), qmp: silent }), NOW).words).toBe('SSH and QMP silent');
  });

  it('tells a VM that refuses SSH from one that is silent: something there is alive', () => {
    const refused = { answers: false, reading: 'refused', at: ago(2_000) } as const;
    expect(healthOf(state({ ssh: refused }), NOW)).toMatchObject({ level: 'silent', words: 'SSH refused' });
    const away = { ...refused, reading: 'unreachable' } as const;
    expect(healthOf(state({ ssh: away }), NOW).words).toBe('SSH unreachable');
  });

  it('does not forget that SSH was silent because nobody looked since', () => {
    expect(healthOf(state({ ssh: sshSilent(180_000) }), NOW)).toMatchObject({
      level: 'unknown',
      words: 'SSH silent 3 min ago',
    });
  });

  it('is well without claiming an answer that was not read', () => {
    expect(healthOf(state({}), NOW)).toMatchObject({ level: 'well', words: 'running' });
    expect(healthOf(state({ ssh: sshWorks(900_000) }), NOW).words).toBe('running');
    expect(healthOf(state({ ssh: sshWorks(900) }), NOW).words).toBe('SSH answers');
  });

  // `unknown` and not finished: the connection was lost, and the power host is asked what came of it.
  it.each(['running', 'unknown'])('names the verb that is not over: %s', (of) => {
    const operation = { verb: 'cycle', state: of } as NonNullable<TargetState['operation']>;
    expect(healthOf(state({ operation, vm: { state: 'stopped', at: ago(0) } }), NOW)).toMatchObject({
      level: 'stopped',
      words: 'cycle runs, stopped',
    });
  });
});

it('the worst come first, equals in the order that they came in', () => {
  const levels: Record<string, Level> = {
    a: 'well',
    b: 'unknown',
    c: 'silent',
    d: 'asking',
    e: 'stopped',
    f: 'silent',
    g: 'well',
  };
  const sorted = worstFirst(Object.keys(levels), (name) => levels[name] ?? 'well');
  expect(sorted).toEqual(['c', 'f', 'e', 'b', 'd', 'a', 'g']);
});

it('what became worse stands too low until the order is chosen anew', () => {
  const rows = (...levels: Level[]) => levels.map((level, index) => ({ name: `vm-${index}`, level }));
  expect(tooLow(rows('silent', 'stopped', 'unknown', 'asking', 'well'))).toEqual([]);
  expect(tooLow(rows('well', 'silent', 'well', 'unknown'))).toEqual(['vm-1', 'vm-3']);
  expect(tooLow(rows('unknown', 'silent'))).toEqual(['vm-1']);
  // That one is still being asked is no news.
  expect(tooLow(rows('well', 'asking'))).toEqual([]);
});

it('names what triage found while that holds, and no longer', () => {
  const found = {
    at: ago(1_000),
    code: 'block-path-stalled',
    summary: 'The block path is stalled.',
    word: 'Wedged',
    headline: 'No disk writes for 27 min.',
    advised: 'cycle',
  } as NonNullable<TargetState['found']>;
  const broken = { ssh: sshSilent(1_000), found };
  expect(healthOf(state(broken), NOW)).toMatchObject({
    level: 'broken',
    words: 'Wedged. No disk writes for 27 min.',
  });
  expect(level({ ...broken, found: { ...found, past: 'cycle ran since.' } })).toBe('silent');
  expect(level({ ...broken, vm: { state: 'running', at: ago(16_000) } })).toBe('unknown');
});
