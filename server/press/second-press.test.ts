import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { HOST_SCRIPT_VERSION, versionWarning } from '../power-host/version.ts';
import { CONFIRM_LIFE_MS, createSecondPresses } from './second-press.ts';

const what = { verb: 'reset', target: 'devvm', by: 'viktor', finding: 'block-path-stalled' };

test('a confirmation counts once, for what it was given for, and only for a short time', () => {
  let now = 0;
  const confirmations = createSecondPresses(() => now);
  const given = confirmations.issue(what);
  expect(confirmations.redeem(given, what)).toBe(true);
  expect(confirmations.redeem(given, what)).toBe(false);
  for (const other of [{ verb: 'stop' }, { target: 'x' }, { by: 'anna' }, { finding: 'not-known' }])
    expect(confirmations.redeem(confirmations.issue(what), { ...what, ...other })).toBe(false);
  const late = confirmations.issue(what);
  now += CONFIRM_LIFE_MS;
  expect(confirmations.redeem(late, what)).toBe(false);
});

test('asking again and again does not fill the memory: the oldest are forgotten', () => {
  const confirmations = createSecondPresses(() => 0);
  const first = confirmations.issue(what);
  for (let n = 0; n < 100; n++) confirmations.issue(what);
  expect(confirmations.redeem(first, what)).toBe(false);
});

test("the expected version is that of the host's script, and a warning names another one", () => {
  const script = readFileSync(path.join(import.meta.dirname, '../../host/breakglass-pve'), 'utf8');
  expect(/\bversion=([\w.-]+)/.exec(script)?.[1]).toBe(HOST_SCRIPT_VERSION);
  expect(versionWarning(HOST_SCRIPT_VERSION)).toEqual([]);
  expect(versionWarning(undefined)).toEqual([]);
  expect(versionWarning('9.9.9')[0]).toContain('9.9.9');
});
