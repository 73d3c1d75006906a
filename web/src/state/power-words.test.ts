import { describe, expect, it } from 'vitest';
import type { TargetState } from '../../../protocol/me.ts';
import { lampOf, lampsOf, stateDoubt, stateLine } from './power-words.ts';

const at = '2026-01-01T00:00:00.000Z';
const nowMs = Date.parse(at) + 4_000;
const ssh = (reading: TargetState['ssh']['reading'], answers: boolean | null, more = {}) => ({
  reading,
  answers,
  at,
  ...more,
});
const state = (more: Partial<TargetState> = {}): TargetState =>
  ({
    name: 'devvm',
    vm: { state: 'running', at },
    ssh: ssh('works', true),
    qmp: { answers: true, at },
    guest_agent: { answers: true, at },
    warnings: [],
    operation: null,
    ...more,
  }) as TargetState;

describe('what a verb would do in a state', () => {
  it('warns where it would change nothing', () => {
    expect(stateDoubt('start', 'running')).toContain('runs already');
    expect(stateDoubt('cycle', 'running')).toBe('');
  });
});

describe('the lamps', () => {
  it('give each reading its own word and tone', () => {
    const lamps = [
      ssh('works', true),
      ssh('refused', false),
      ssh('silent', false),
      ssh('unreachable', null),
      ssh('unknown', null),
    ].map((reading) => lampOf('SSH', reading, nowMs));
    expect(lamps.map(({ tone, word }) => `${word} ${tone}`)).toEqual([
      'answers ok',
      'refused warn',
      'silent warn',
      'unreachable none',
      'unknown none',
    ]);
    expect(lampOf('SSH', undefined, nowMs)).toMatchObject({ tone: 'busy', word: 'asking' });
  });

  it('are hollow and in the past once the reading is older than 15 s', () => {
    const old = lampOf('SSH', ssh('silent', false), Date.parse(at) + 16_000);
    expect(old).toMatchObject({ stale: true, word: 'was silent, old reading' });
    expect(lampOf('SSH', ssh('works', true), Date.parse(at) + 14_000).stale).toBe(false);
  });

  it('say that it is being asked, and after three seconds that there is no answer yet', () => {
    const asking = ssh('unknown', null, { asking: { since: at } });
    expect(lampOf('SSH', asking, Date.parse(at) + 2_000)).toMatchObject({ tone: 'busy', word: 'asking' });
    expect(lampOf('SSH', asking, Date.parse(at) + 3_500)).toMatchObject({
      tone: 'busy',
      word: 'no answer yet',
    });
  });

  it('are always the same three, also before anything was read', () => {
    expect(lampsOf(null, nowMs).map(({ name }) => name)).toEqual(['SSH', 'Agent', 'QMP']);
  });
});

describe('the line of the state', () => {
  it('names what is silent, and says when all answer', () => {
    expect(stateLine(state(), nowMs)).toBe('Running · all answer');
    expect(stateLine(state({ ssh: ssh('silent', false) }), nowMs)).toBe('Running · SSH silent');
    expect(stateLine(state({ vm: { state: 'stopped', at } }), nowMs)).toBe('Stopped');
  });

  it('says nothing of now from an old reading', () => {
    expect(stateLine(state(), Date.parse(at) + 20_000)).toBe('Unknown · last read 20 s ago');
    expect(stateLine(null, nowMs)).toBe('Asking');
  });
});
