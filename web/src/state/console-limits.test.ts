import { expect, it } from 'vitest';
import type { Me } from '../../../protocol/me.ts';
import { consoleLimits } from './console-limits.ts';

const me = (more: Partial<Me> = {}): Me =>
  ({
    name: 'anna',
    how: 'token',
    mode: 'full',
    lab: null,
    policy: { mode: 'ask' },
    agent: { available: true, model: 'sonnet' },
    target: { name: 'devvm' },
    targets: [{ name: 'devvm' }],
    warnings: [],
    keys: { present: true },
    ...more,
  }) as Me;

it('says nothing when nothing is limited', () => {
  expect(consoleLimits(me())).toEqual({ plain: '', short: '', sentences: [], notes: [] });
});

it('says power only, and why, at once', () => {
  expect(consoleLimits(me({ mode: 'power-only', why: 'The journal is corrupt.' })).plain).toBe(
    'Power only: no chat, no sessions. The journal is corrupt.',
  );
});

it('names a missing agent and key in short, and keeps the rest for later', () => {
  const limits = consoleLimits(
    me({
      agent: { available: false, why: 'No credential.', model: 'sonnet' },
      keys: { present: false },
      warnings: ['The agent is not available. No credential.', 'No SSH key at /x.', 'No observer account.'],
    }),
  );
  expect(limits.short).toBe('No agent · No SSH key');
  expect(limits.sentences).toEqual(['The agent is not available. No credential.', 'No SSH key at /x.']);
  expect(limits.notes).toEqual(['No observer account.']);
});

it('does not hide power when the console cannot even say who one is', () => {
  expect(consoleLimits(null).plain).toContain('Power may still work');
});
