import { expect, test } from 'vitest';
import { readSettings, SettingsError } from './settings.ts';

test('--host listens for the network, and nothing else does', () => {
  expect(readSettings({}, [])).toMatchObject({ inNetwork: false, env: {} });
  expect(readSettings({}, ['--host'])).toMatchObject({
    inNetwork: true,
    env: { BREAKGLASS_BIND: '0.0.0.0' },
  });
});

test.each([
  [['--host'], { BREAKGLASS_BIND: '127.0.0.1' }, /--host and BREAKGLASS_BIND both say where to listen/],
  [['--hosts'], {}, /--hosts: not understood.*--qemu and --host/],
])('%j with %j is refused', (argv, env, message) => {
  expect(() => readSettings(env, argv)).toThrow(SettingsError);
  expect(() => readSettings(env, argv)).toThrow(message);
});
