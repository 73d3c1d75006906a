import { describe, expect, it } from 'vitest';
import type { Approval } from '../../../protocol/approvals.ts';
import type { SessionId, TargetName } from '../../../protocol/ids.ts';
import { approvalFace, becameWords, countdown, isLooser, questionWords } from './approval-words.ts';

const approval = (more: Partial<Approval> = {}): Approval => ({
  approval_id: 'a',
  session_id: 'one' as SessionId,
  target: 'db-1' as TargetName,
  asked: { account: 'repair', input: { host: 'db-1', command: 'systemctl restart x', timeout_s: 90 } },
  binding: '',
  at: '2026-11-27T03:00:00.000Z',
  expires_at: '2026-11-27T03:10:00.000Z',
  observer: true,
  grant_minutes: 15,
  ...more,
});

describe('the card', () => {
  it('of a repair names account, target and limit, and marks it', () => {
    expect(approvalFace(approval())).toMatchObject({
      title: 'Repair account on db-1: root',
      isRepair: true,
      grantLabel: 'Also the next repairs in this session, for 15 minutes',
      facts: ['It may run for 90 s.'],
      despite: '',
    });
  });

  it('calls a grant what it is where nothing separates looking from changing', () => {
    expect(approvalFace(approval({ observer: false })).grantLabel).toContain('anything else as root');
  });

  it('of a verb offers no grant, names the VM on the button, and says that triage speaks against it', () => {
    const { grant_minutes: _none, ...rest } = approval();
    const asked = { verb: 'cycle', input: { host: 'pve', command: 'cycle', despite_finding: true } } as const;
    expect(approvalFace({ ...rest, asked })).toMatchObject({
      isRepair: false,
      grantLabel: '',
      holdLabel: 'Hold to cycle db-1',
      despite: 'Triage speaks against it; Claude says that it knows better.',
    });
  });
});

describe('what became of a question', () => {
  it('says who answered, and what', () => {
    expect(becameWords(approval(), { answer: 'denied', by: 'bob', reason: 'not at night' })).toBe(
      '“systemctl restart x” on db-1: Denied by bob: not at night',
    );
    expect(becameWords(approval(), { answer: 'expired', by: 'breakglass' })).toContain('Nobody answered');
  });

  it('shows no hidden character of a command in a notice', () => {
    const asked = { account: 'repair', input: { host: 'db-1', command: 'a\u202eb\nc' } } as const;
    expect(becameWords(approval({ asked }), { answer: 'approved', by: 'ann' })).toBe(
      '“a⟨U+202E⟩b⟨\\n⟩c” on db-1: Approved by ann.',
    );
  });

  it('is nothing where nobody was asked', () => {
    expect(questionWords(null)).toBe('');
    const question = { approvalId: 'a', answer: 'denied', by: 'ann', reason: undefined } as const;
    expect(questionWords(question)).toBe('Denied by ann.');
  });
});

it('a countdown shows no second that is over, and never less than nothing', () => {
  expect([600_000, 581_000, 59_001, 1, 0, -5_000].map(countdown)).toEqual([
    '10:00',
    '9:41',
    '1:00',
    '0:01',
    '0:00',
    '0:00',
  ]);
});

it('looser is what lets the agent do more', () => {
  expect(isLooser('autonomous', 'ask')).toBe(true);
  expect(isLooser('ask', 'ask')).toBe(false);
  expect(isLooser('observe', 'ask')).toBe(false);
});
