import { describe, expect, it } from 'vitest';
import type { Operation } from '../../../protocol/operations.ts';
import { appendCapped, applyFrame, fromOperation, mergeStep, outcomeSentence } from './operation-view.ts';

const operation = (more: Partial<Operation> = {}): Operation =>
  ({
    id: 'op',
    target: 'devvm',
    verb: 'cycle',
    by: { type: 'operator', name: 'a' },
    started_at: '2026-01-01T03:00:00.000Z',
    state: 'running',
    steps: [],
    ...more,
  }) as Operation;
const over = (more: Partial<Operation>): Operation =>
  operation({ finished_at: '2026-01-01T03:01:00.000Z', ...more });

describe('fromOperation', () => {
  it('keeps the output that was streamed', () => {
    const view = applyFrame(fromOperation(operation()), { kind: 'output', stream: 'stdout', text: 'a' });
    expect(fromOperation(over({ state: 'succeeded' }), view).output).toBe('a');
  });

  it('whose connection was lost is not over: it can still go well', () => {
    const asking = fromOperation(operation({ state: 'unknown' }));
    expect(outcomeSentence(asking)).toBeUndefined();
    expect(fromOperation(over({ state: 'succeeded' }), asking).state).toBe('succeeded');
  });

  it('is not opened again by an answer that was under way', () => {
    const done = fromOperation(over({ state: 'failed' }));
    expect(fromOperation(operation(), done).state).toBe('failed');
  });

  it('takes the output of the result where nothing was streamed', () => {
    const result = { verb: 'cycle', exit_code: 1, stdout: 'out', stderr: 'err', rejected: false };
    expect(fromOperation(over({ state: 'failed', result })).output).toBe('out\nerr');
  });
});

describe('outcomeSentence', () => {
  it('is silent while the operation runs', () => {
    expect(outcomeSentence(fromOperation(operation()))).toBeUndefined();
  });

  it('never claims a VM state that was not checked', () => {
    expect(outcomeSentence(fromOperation(over({ state: 'succeeded' })))).toContain('not checked');
  });

  it('says that it does not know, and what to do', () => {
    expect(outcomeSentence(fromOperation(over({ state: 'unknown' })))).toMatch(
      /^Not known\..*Ask for status/,
    );
  });

  it('gives the last line of the complaint of a failure', () => {
    const result = {
      verb: 'cycle',
      exit_code: 1,
      stdout: '',
      stderr: 'trying\nVM 102 is locked (backup)\n',
      rejected: false,
    };
    expect(outcomeSentence(fromOperation(over({ state: 'failed', result })))).toBe(
      'cycle failed: VM 102 is locked (backup)',
    );
  });
});

describe('mergeStep', () => {
  it('closes the open step of that name and appends a second run of it', () => {
    const open = { name: 'check', at: '1' };
    const closed = { ...open, ms: 4, ok: true };
    expect(mergeStep([open], closed)).toEqual([closed]);
    expect(mergeStep([closed], { name: 'check', at: '2' })).toHaveLength(2);
    expect(mergeStep([closed], closed)).toEqual([closed]);
  });
});

describe('appendCapped', () => {
  it('keeps the end', () => {
    expect(appendCapped('abc', 'def', 4)).toBe('cdef');
  });
});
