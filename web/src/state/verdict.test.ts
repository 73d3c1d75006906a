import { describe, expect, it } from 'vitest';
import type { TargetState } from '../../../protocol/me.ts';
import type { TriageReport } from '../../../protocol/triage.ts';
import { type Known, verdictOf } from './verdict.ts';

const at = '2026-01-01T00:00:00.000Z';
const state = (more: Record<string, unknown> = {}): TargetState =>
  ({
    name: 'devvm',
    vm: { state: 'running', at },
    ssh: { reading: 'works', answers: true, at },
    qmp: { answers: true, at },
    guest_agent: { answers: true, at },
    warnings: [],
    operation: null,
    ...more,
  }) as unknown as TargetState;
const report = (finding: Partial<TriageReport['finding']> = {}): TriageReport =>
  ({
    target: 'devvm',
    at,
    cautions: [],
    finding: {
      code: 'block-path-stalled',
      summary: 'The block path is stalled.',
      word: 'Wedged',
      headline: 'No disk writes for 27 min. QEMU still answers.',
      confidence: 0.9,
      advised: 'cycle',
      warned: ['reset'],
      advice: 'Cycle it.',
      inputs: [],
      ...finding,
    },
  }) as TriageReport;
const known = (more: Partial<Known> = {}): Known => ({
  target: 'devvm',
  state: state(),
  report: undefined,
  unreachable: false,
  online: true,
  nowMs: Date.parse(at) + 3_000,
  ...more,
});

describe('the verdict', () => {
  it('is the finding that holds: its word, its headline, its verb', () => {
    expect(verdictOf(known({ report: report() }))).toMatchObject({
      tone: 'bad',
      word: 'Wedged',
      headline: 'No disk writes for 27\u00A0min. QEMU still answers.',
      advised: 'cycle',
    });
  });

  it('advises nothing from readings, and says well only where SSH has answered lately', () => {
    expect(verdictOf(known())).toMatchObject({ tone: 'ok', word: 'Well', advised: null });
    const mute = state({ guest_agent: { answers: null, at: null } });
    expect(verdictOf(known({ state: mute }))).toMatchObject({ tone: 'ok', word: 'Answers' });
    const silent = state({ ssh: { reading: 'silent', answers: false, at } });
    expect(verdictOf(known({ state: silent }))).toMatchObject({
      tone: 'warn',
      word: 'Silent',
      advised: null,
    });
    const unasked = state({ ssh: { reading: 'unknown', answers: null, at: null } });
    expect(verdictOf(known({ state: unasked })).tone).not.toBe('ok');
    const old = state({ ssh: { reading: 'works', answers: true, at: '2025-12-31T23:58:00.000Z' } });
    expect(verdictOf(known({ state: old })).tone).not.toBe('ok');
  });

  it('is unknown, and advises nothing, when the console is silent, the phone offline or the reading old', () => {
    for (const more of [
      { unreachable: true },
      { online: false, nowMs: Date.parse(at) + 20_000 },
      { nowMs: Date.parse(at) + 20_000 },
    ] satisfies Partial<Known>[]) {
      const verdict = verdictOf(known({ report: report(), ...more }));
      expect(verdict).toMatchObject({ tone: 'none', word: 'Unknown', advised: null });
    }
    const offline = known({ online: false, nowMs: Date.parse(at) + 20_000 });
    expect(verdictOf(offline).headline).toBe('This device is offline.');
    // Some browsers say so while answers come.
    expect(verdictOf(known({ online: false, report: report() })).advised).toBe('cycle');
    expect(verdictOf(known({ nowMs: Date.parse(at) + 20_000 })).headline).toBe(
      'No reading of devvm for 20 s.',
    );
  });

  it('shows an old record, which has neither word nor headline, by what it has', () => {
    const { word: _word, headline: _headline, ...old } = report().finding;
    const verdict = verdictOf(known({ report: { ...report(), finding: old } }));
    expect(verdict).toMatchObject({ headline: 'The block path is stalled.', advised: 'cycle', tone: 'bad' });
  });
});
