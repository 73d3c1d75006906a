import { expect, test } from 'vitest';
import { placesOf } from './places.ts';

const system = (uid: number, there: readonly string[] = []) => ({
  uid,
  canWrite: (dir: string) => there.includes(dir),
  exists: (file: string) => there.includes(file),
});
const OWN = { HOME: '/home/ann' };
const FIXED = { sessionsDir: '/workspace/sessions', keyPath: '/secrets/breakglass/private_key' };

test('root has the fixed names, whatever its home and whatever is there', () => {
  const fixed = { ...FIXED, environmentFile: '/etc/breakglass/environment' };
  expect(placesOf({ HOME: '/root', XDG_STATE_HOME: '/s' }, system(0))).toEqual(fixed);
  expect(placesOf({}, system(0, ['/workspace']))).toEqual(fixed);
});

test('a plain user who can write nothing there has everything below the home', () => {
  expect(placesOf(OWN, system(1000))).toEqual({
    sessionsDir: '/home/ann/.local/state/breakglass/sessions',
    keyPath: '/home/ann/.config/breakglass/id_ed25519',
    environmentFile: '/home/ann/.config/breakglass/environment',
  });
});

test('the directories of the XDG specification count, relative ones do not', () => {
  expect(placesOf({ ...OWN, XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: '/c' }, system(1000))).toEqual({
    sessionsDir: '/s/breakglass/sessions',
    keyPath: '/c/breakglass/id_ed25519',
    environmentFile: '/c/breakglass/environment',
  });
  expect(placesOf({ ...OWN, XDG_STATE_HOME: 'state' }, system(1000)).sessionsDir).toBe(
    '/home/ann/.local/state/breakglass/sessions',
  );
});

test.each(['/workspace', '/workspace/sessions', '/workspace/data'])(
  'a deployment that runs as a plain user keeps its record where %s can be written',
  (dir) => {
    expect(placesOf(OWN, system(1000, [dir])).sessionsDir).toBe(FIXED.sessionsDir);
  },
);

test('a mounted key is used by whoever runs the console', () => {
  expect(placesOf(OWN, system(1000, [FIXED.keyPath])).keyPath).toBe(FIXED.keyPath);
});

test('a user without a home has the fixed names, which the messages then name', () => {
  expect(placesOf({}, system(1000))).toEqual({ ...FIXED, environmentFile: undefined });
});
