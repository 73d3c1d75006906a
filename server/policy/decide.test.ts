import { expect, test } from 'vitest';
import type { PolicyMode } from '../../protocol/approvals.ts';
import { MUTATING_VERBS } from '../../protocol/verbs.ts';
import { type Action, BUDGET, decide, type VerbBudget } from './decide.ts';

const NOW = 1_800_000_000_000;
const unspent: VerbBudget = { spentAt: [], now: NOW };
const minutesAgo = (...minutes: number[]): VerbBudget => ({
  spentAt: minutes.map((m) => NOW - m * 60_000),
  now: NOW,
});

const observer: Action = { type: 'command', account: 'observer', granted: false };
const repair: Action = { type: 'command', account: 'repair', granted: false };
const cycle: Action = { type: 'verb', verb: 'cycle' };
const status: Action = { type: 'verb', verb: 'status' };
const forensics: Action = { type: 'verb', verb: 'forensics' };

test.each<[PolicyMode, Action, 'allow' | 'ask' | 'deny']>([
  ['observe', observer, 'allow'],
  ['observe', repair, 'deny'],
  ['observe', cycle, 'deny'],
  ['observe', status, 'allow'],
  ['ask', observer, 'allow'],
  ['ask', repair, 'ask'],
  ['ask', cycle, 'ask'],
  ['ask', forensics, 'allow'],
  ['autonomous', observer, 'allow'],
  ['autonomous', repair, 'allow'],
  ['autonomous', cycle, 'allow'],
  ['autonomous', status, 'allow'],
])('in %s the agent and %j: %s', (mode, action, decision) => {
  expect(decide(mode, 'agent', action, unspent).type).toBe(decision);
});

test("a person's own buttons work in every mode, whatever the agent has spent", () => {
  for (const mode of ['observe', 'ask', 'autonomous'] as const) {
    for (const verb of MUTATING_VERBS) {
      expect(decide(mode, 'operator', { type: 'verb', verb }, minutesAgo(1, 2, 3))).toEqual({
        type: 'allow',
        spends: false,
      });
    }
  }
});

test('autonomous: one mutating verb per 15 minutes, three a day, then a person is asked', () => {
  const type = (budget: VerbBudget): string => decide('autonomous', 'agent', cycle, budget).type;
  expect(decide('autonomous', 'agent', cycle, unspent)).toEqual({ type: 'allow', spends: true });
  expect(type(minutesAgo(14.99))).toBe('ask');
  expect(type(minutesAgo(15))).toBe('allow');
  expect(type(minutesAgo(20, 60, 600))).toBe('ask');
  expect(type(minutesAgo(20, 60, 24 * 60))).toBe('allow');
  expect(BUDGET).toMatchObject({ perWindow: 1, perDay: 3 });
});

test('to start a VM that is known to be stopped spends nothing, so the agent cannot strand it; the other modes make no exception for it', () => {
  const start: Action = { type: 'verb', verb: 'start', vmStopped: true };
  expect(decide('autonomous', 'agent', start, minutesAgo(1, 2, 3))).toEqual({ type: 'allow', spends: false });
  expect(decide('autonomous', 'agent', { type: 'verb', verb: 'start' }, minutesAgo(1)).type).toBe('ask');
  expect(
    decide('autonomous', 'agent', { type: 'verb', verb: 'stop', vmStopped: true }, minutesAgo(1)).type,
  ).toBe('ask');
  expect(decide('observe', 'agent', start, unspent).type).toBe('deny');
});

test('a denial and a question say why, in a sentence for the agent and the person', () => {
  for (const mode of ['observe', 'ask'] as const) {
    for (const action of [repair, cycle]) {
      const decision = decide(mode, 'agent', action, unspent);
      expect(decision.type === 'allow' ? '' : decision.reason).toMatch(/^Policy is (observe|ask): .+\.$/);
    }
  }
});

test("a person's Shutdown is not overruled by the agent, in no mode, and by a person in every mode", () => {
  for (const mode of ['observe', 'ask', 'autonomous'] as const)
    for (const verb of ['stop', 'cycle'] as const) {
      const action = { type: 'verb', verb, shutdownBy: 'root@pam' } as const;
      expect(decide(mode, 'agent', action, { spentAt: [], now: 0 }).type).toBe('deny');
      expect(decide(mode, 'operator', action, { spentAt: [], now: 0 }).type).toBe('allow');
    }
  const said = decide(
    'autonomous',
    'agent',
    { type: 'verb', verb: 'cycle', shutdownBy: 'root@pam' },
    { spentAt: [], now: 0 },
  );
  expect(said.type === 'deny' && said.reason).toContain('A Shutdown by root@pam is under way');
});
