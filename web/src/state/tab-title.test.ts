import { expect, test } from 'vitest';
import type { TargetName } from '../../../protocol/ids.ts';
import type { TargetState } from '../../../protocol/me.ts';
import type { TriageReport } from '../../../protocol/triage.ts';
import { type TabState, tabTitle } from './tab-title.ts';

const NOW = Date.parse('2026-11-27T03:00:00Z');
const at = new Date(NOW - 2_000).toISOString();
const well: TargetState = {
  name: 'devvm' as TargetName,
  vm: { state: 'running', at },
  ssh: { answers: true, reading: 'works', at },
  qmp: { answers: true, at },
  guest_agent: { answers: true, at },
  warnings: [],
  operation: null,
};
const tab = (more: Partial<TabState> = {}) =>
  tabTitle({ target: 'devvm', state: well, nowMs: NOW, reached: true, asked: false, ...more });

test('a silent way in stands in the title with the triangle, a target that is well with the check', () => {
  expect(tab()).toEqual({ tone: 'ok', title: '✓ devvm is well · Breakglass' });
  const silent: TargetState = { ...well, ssh: { answers: false, reading: 'silent', at } };
  expect(tab({ state: silent })).toEqual({ tone: 'warn', title: '● devvm SSH silent · Breakglass' });
  const stopped: TargetState = { ...well, vm: { state: 'stopped', at } };
  expect(tab({ state: stopped })).toEqual({ tone: 'warn', title: '● devvm stopped · Breakglass' });
});

test('what triage found has the cross and its word while it holds, and nothing of it when it is past', () => {
  const report: TriageReport = {
    target: 'devvm',
    at,
    cautions: [],
    finding: {
      code: 'block-path-stalled',
      word: 'Wedged',
      headline: 'No disk writes for 27 min.',
      summary: 'The block path is stalled.',
      confidence: 0.9,
      advised: 'cycle',
      warned: [],
      advice: 'Cycle.',
      inputs: [],
    },
  };
  expect(tab({ state: { ...well, finding: { report, at } } })).toEqual({
    tone: 'bad',
    title: '✕ devvm Wedged · Breakglass',
  });
  const past = 'It is from before cycle by ann.';
  expect(tab({ state: { ...well, finding: { report, at, past } } }).tone).toBe('ok');
});

test('nothing is called well that was read more than 15 s ago, was not read, or cannot be asked', () => {
  for (const more of [{ nowMs: NOW + 20_000 }, { state: null }, { reached: false }] as const) {
    expect(tab(more).tone).toBe('none');
    expect(tab(more).title).toMatch(/^○ devvm /);
  }
  expect(tab({ reached: false, asked: true }).title).toBe('○ devvm unknown · Breakglass');
});

test('a question that waits comes first', () => {
  expect(tab({ asked: true })).toEqual({ tone: 'warn', title: '● devvm asks you · Breakglass' });
});
