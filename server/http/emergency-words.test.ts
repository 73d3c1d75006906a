import { expect, test } from 'vitest';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { headline, readings } from './emergency-words.ts';

const NOW = Date.parse('2026-11-27T03:00:00Z');
const fresh = new Date(NOW - 3_000).toISOString();
const old = new Date(NOW - 20_000).toISOString();

const state = (parts: Partial<TargetState> = {}): TargetState => ({
  name: 'devvm' as TargetName,
  vm: { state: 'running', at: fresh },
  ssh: { answers: true, reading: 'works', at: fresh },
  qmp: { answers: true, at: fresh },
  guest_agent: { answers: null, at: null },
  warnings: [],
  operation: null,
  ...parts,
});

test('what does not answer stands in the headline; what is not known does not make it well', () => {
  expect(headline(state(), NOW)).toEqual({ words: 'running', tone: 'ok' });
  const silent = state({ ssh: { answers: false, reading: 'silent', at: fresh } });
  expect(headline(silent, NOW)).toEqual({ words: 'running, SSH silent', tone: 'warn' });
  const refused = state({ ssh: { answers: false, reading: 'refused', at: fresh } });
  expect(headline(refused, NOW)).toEqual({ words: 'running, SSH refused', tone: 'warn' });
  const mute = { answers: null, at: null };
  const blind = state({ ssh: { ...mute, reading: 'unknown' }, qmp: mute });
  expect(headline(blind, NOW)).toEqual({ words: 'running', tone: 'none' });
  expect(headline(state({ vm: { state: 'stopped', at: fresh } }), NOW)).toEqual({
    words: 'stopped',
    tone: 'warn',
  });
});

test('a reading that is older than 15 s is told as past, and never as a sign of now', () => {
  const past = state({
    vm: { state: 'running', at: old },
    ssh: { answers: false, reading: 'silent', at: old },
    qmp: { answers: true, at: old },
  });
  expect(headline(past, NOW)).toEqual({ words: 'was running 20 s ago', tone: 'none' });
  expect(readings(past, NOW).map(({ words }) => words)).toEqual([
    'was running 20 s ago',
    'was silent 20 s ago',
    'not known',
    'was answering 20 s ago',
  ]);
  expect(readings(past, NOW).every(({ tone }) => tone === 'none')).toBe(true);
});
