import { describe, expect, it } from 'vitest';
import type { Approval } from '../../../protocol/approvals.ts';
import type { SessionId, TargetName } from '../../../protocol/ids.ts';
import { leftOut, nextOf, shownOf, waitingNow } from './waiting-list.ts';

const NOW = Date.parse('2026-11-27T03:00:00.000Z');

const question = (approval_id: string, endsInS = 600): Approval => ({
  approval_id,
  session_id: 'one' as SessionId,
  target: 'devvm' as TargetName,
  asked: { account: 'repair', input: { host: 'devvm', command: approval_id } },
  binding: '',
  at: new Date(NOW).toISOString(),
  expires_at: new Date(NOW + endsInS * 1_000).toISOString(),
  observer: true,
});
const ids = (approvals: readonly Approval[]) => approvals.map(({ approval_id }) => approval_id);
const now = (more: Partial<Parameters<typeof waitingNow>[0]>) =>
  ids(waitingNow({ listed: [], streamed: [], gone: new Set(), nowMs: NOW, ...more }));

describe('what waits', () => {
  it('is there once, whether the stream, the list or both tell of it', () => {
    const streamed = [question('a'), question('b')];
    expect(now({ streamed, listed: [question('b'), question('c')] }).toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('begins with what ends first', () => {
    expect(now({ listed: [question('late', 600), question('soon', 20)] })).toEqual(['soon', 'late']);
  });

  it('leaves out what was answered, although an older list still has it', () => {
    expect(now({ listed: [question('a'), question('b')], gone: new Set(['a']) })).toEqual(['b']);
  });

  it('leaves out what has ended by the clock, before anybody says so', () => {
    expect(now({ listed: [question('a', 0), question('b', 1)] })).toEqual(['b']);
  });
});

describe('a list that leaves a question out', () => {
  const known = [question('a'), question('b')];

  it('says that it has ended', () => {
    expect(ids(leftOut(known, [question('b')], new Map([['a', NOW - 10_000]]), NOW))).toEqual(['a']);
  });

  it('says nothing of one that came while it was being put together', () => {
    expect(leftOut(known, [question('b')], new Map([['a', NOW - 500]]), NOW)).toEqual([]);
  });
});

describe('the one that is shown', () => {
  it('keeps its place when a more urgent one comes', () => {
    expect(shownOf([question('urgent', 10), question('a')], 'a')?.approval_id).toBe('a');
  });

  it('makes room when it has ended', () => {
    expect(shownOf([question('b')], 'a')?.approval_id).toBe('b');
    expect(shownOf([], 'a')).toBeUndefined();
  });

  it('is followed by each of the others, round and round', () => {
    const all = [question('a'), question('b')];
    expect(nextOf(all, 'a')).toBe('b');
    expect(nextOf(all, 'b')).toBe('a');
    expect(nextOf([], 'a')).toBeUndefined();
  });
});
