import { expect, test } from 'vitest';
import { PRESETS } from '../../web/src/state/presets.ts';
import { readIntent } from './intent.ts';

test('no preset of the page is taken for an order', () => {
  const intents = Object.fromEntries(
    PRESETS.map((preset) => [preset.id, readIntent(preset.prompt('devvm'), true)]),
  );
  expect(intents).toEqual({
    triage: 'triage',
    memory: 'memory',
    disk: 'disk',
    services: 'services',
    qemu: 'outside',
  });
});

test.each([
  'Free it.',
  'Yes, free it and bring the service back.',
  'Fix it',
  'Go ahead',
  'Could you free the space?',
  'Please repair the disk',
  'Now clear that log and restart the unit',
])('%s is an order to repair', (prompt) => {
  expect(readIntent(prompt, true)).toBe('repair');
});

test.each(['Cycle it', 'Please cycle the VM', 'Yes, cycle it now', 'Can you reset it?'])(
  '%s is an order for a verb',
  (prompt) => {
    expect(readIntent(prompt, true)).toBe('verb');
  },
);

test.each(['Is a cycle needed?', 'Should I reset it?', 'What is safe to clear? Do not delete anything.'])(
  '%s is no order',
  (prompt) => {
    expect(readIntent(prompt, true)).not.toMatch(/verb|repair/);
  },
);
