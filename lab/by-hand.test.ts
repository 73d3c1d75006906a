import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { byHand } from './by-hand.ts';
import { createMachine } from './machine/machine.ts';
import { prepareHostRoot } from './power-host/host-root.ts';
import { SCENARIOS } from './scenarios/catalog.ts';

test.each(
  SCENARIOS.filter(({ byHand: command }) => command !== undefined).map(
    (scenario) => [scenario.name, scenario] as const,
  ),
)('the line that the lab prints for %s does in any shell what it says', async (_name, scenario) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'breakglass-by-hand-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const machine = createMachine(dir, scenario.machine);
  prepareHostRoot(dir);
  expect(machine.config()).toHaveProperty('lock');
  const line = /By hand (.*)/.exec(byHand(scenario.byHand, dir))?.[1] ?? '';
  await execa('bash', ['-c', line]);
  expect(machine.config()).not.toHaveProperty('lock');
});

test('a drill that needs no hand says nothing of one', () => {
  expect(byHand(undefined, '/nowhere')).toBe('');
});
