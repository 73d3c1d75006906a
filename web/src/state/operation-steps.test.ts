import { expect, it } from 'vitest';
import { railOf } from './operation-steps.ts';

const at = '2026-01-01T00:00:00.000Z';

it('shows what has begun in words, and what is still to come as waiting', () => {
  const rail = railOf({
    verb: 'cycle',
    state: 'running',
    steps: [
      { name: 'startable', at, ms: 300, ok: true },
      { name: 'forensics', at, ms: 3_000, ok: true },
      { name: 'stop', at },
    ],
  });
  expect(rail.map(({ words, state }) => `${words}: ${state}`)).toEqual([
    'Preflight check: done',
    'Evidence saved: done',
    'Stop asked: now',
    'Old process gone: wait',
    'New process: wait',
    'QEMU runs: wait',
    'SSH answers: wait',
  ]);
});

it('promises nothing more once the operation is over, and does not call an open step done', () => {
  const rail = railOf({
    verb: 'cycle',
    state: 'unknown',
    steps: [
      { name: 'forensics', at, ms: 3_000, ok: false },
      { name: 'stop', at },
    ],
  });
  expect(rail.map(({ state }) => state)).toEqual(['failed', 'open']);
});

it('keeps a step of a host that it does not know, under its own name', () => {
  const rail = railOf({ verb: 'reset', state: 'running', steps: [{ name: 'something new', at }] });
  expect(rail[0]).toMatchObject({ words: 'something new', state: 'now' });
  expect(rail.filter(({ state }) => state === 'wait').map(({ words }) => words)).toContain('SSH answers');
});
