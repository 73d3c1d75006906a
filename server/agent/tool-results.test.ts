import { expect, test } from 'vitest';
import type { Operation } from '../../protocol/operations.ts';
import { operationOutcome, textForModel } from './tool-results.ts';

const running = (verb: Operation['verb']): Operation =>
  ({
    id: 'op-1',
    target: 'devvm',
    verb,
    by: { type: 'agent', name: 'a' },
    started_at: '',
    state: 'running',
    steps: [],
  }) as never;

test('a look at the power host that was not waited for is not said to go on', () => {
  for (const verb of ['status', 'forensics'] as const) {
    const outcome = operationOutcome(running(verb), true);
    expect(outcome.farSide).toBeUndefined();
    expect(textForModel(outcome)).toBe(`[${verb} was not waited for; it only looks]`);
  }
});

test('a verb that changes something is said to go on as its operation, and not in the VM', () => {
  const outcome = operationOutcome(running('cycle'), true);
  expect(outcome.farSide).toBeUndefined();
  expect(textForModel(outcome)).toContain('operation op-1 goes on to its end on the power host');
  expect(textForModel(outcome)).not.toContain('VM');
});
