import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { readConfig } from './config.ts';
import { parseEnvironment, withEnvironmentFile } from './environment-file.ts';

const USER = { uid: 1000, canWrite: () => false, exists: () => false };

function home(text: string, mode = 0o600) {
  const dir = tempDir();
  const file = path.join(dir, '.config/breakglass/environment');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return { env: { HOME: dir }, file };
}

test('lines, comments and nothing; a value is what stands after the first =, as it is', () => {
  expect(
    parseEnvironment(
      '# Made by hand\n\n; so\nA=1\r\nBREAKGLASS_PVE_HOST=pve.example\nURL=https://x/?a=b#c $d %e\nEMPTY=\n',
      'f',
    ),
  ).toEqual({ A: '1', BREAKGLASS_PVE_HOST: 'pve.example', URL: 'https://x/?a=b#c $d %e', EMPTY: '' });
});

test.each([
  ['a word alone', 'A=1\nhunter2', /^f, line 2: not understood/],
  ['export', 'export A=hunter2', /^f, line 1: not understood/],
  ['a blank before the name', ' A=hunter2', /^f, line 1: not understood/],
  ['a blank before =', 'A =hunter2', /^f, line 1: not understood/],
  ['a blank after =', 'A= hunter2', /^f, line 1: the value of A/],
  ['quotes', 'A="hunter2"', /^f, line 1: the value of A/],
  ['a quote inside', "A=hunter2's", /^f, line 1: the value of A/],
  ['a line that goes on', 'A=hunter2\\\nB=2', /^f, line 1: the value of A/],
  ['a control character', 'A=hunter2\u0007', /^f, line 1: the value of A/],
  ['a name twice', 'A=hunter2\n\nA=hunter2', /^f, line 3: A is there a second time/],
])('%s stops the start with file and line and without the value', (_what, text, message) => {
  expect(() => parseEnvironment(text, 'f')).toThrow(message);
  expect(() => parseEnvironment(text, 'f')).not.toThrow(/hunter2/);
});

test('a plain user’s file completes the environment, and the environment wins', () => {
  const { env, file } = home(
    'API_BEARER_TOKEN=from-the-file-0123456789\nBREAKGLASS_PVE_HOST=10.9.9.9\nBREAKGLASS_PORT=9001\n',
  );
  const config = readConfig({ ...env, BREAKGLASS_PORT: '9002', BREAKGLASS_PVE_HOST: '' }, undefined, USER);
  expect(config.port).toBe(9002);
  expect(config.access.bearerToken).toBe('from-the-file-0123456789');
  // An empty variable counts as none, here as everywhere.
  expect(config.targets.all[0]?.powerHost.host).toBe('10.9.9.9');
  expect(config.environmentFile).toEqual({ path: file, showsSecrets: false });
});

test('a secret of the environment takes the place of the one that the file names, in whichever form', () => {
  const { env } = home('API_BEARER_TOKEN_FILE=/does/not/exist\n');
  const given = { ...env, API_BEARER_TOKEN: 'of-the-environment-0123456789' };
  expect(readConfig(given, undefined, USER).access.bearerToken).toBe('of-the-environment-0123456789');
  expect(() => readConfig(env, undefined, USER)).toThrow(/^API_BEARER_TOKEN_FILE: /);
});

test('no file is no trouble, unless it is the one that was named', () => {
  const dir = tempDir();
  expect(withEnvironmentFile({ HOME: dir }, path.join(dir, 'environment')).file).toBeUndefined();
  const named = { BREAKGLASS_ENVIRONMENT: path.join(dir, 'other') };
  expect(() => withEnvironmentFile(named, undefined)).toThrow(/other cannot be read: ENOENT/);
  expect(withEnvironmentFile({ BREAKGLASS_ENVIRONMENT: '/dev/null' }, '/does/not/count').env).toEqual({
    BREAKGLASS_ENVIRONMENT: '/dev/null',
  });
});

test('a file with a secret that everybody can read is told; without one it is not', () => {
  const secret = home('API_BEARER_TOKEN=0123456789abcdef\n', 0o644);
  expect(withEnvironmentFile({}, secret.file).file?.showsSecrets).toBe(true);
  const named = home('API_BEARER_TOKEN_FILE=/etc/breakglass/access-token\n', 0o644);
  expect(withEnvironmentFile({}, named.file).file?.showsSecrets).toBe(false);
});

test('a file that everybody can write is refused', () => {
  const { file } = home('BREAKGLASS_PVE_HOST=10.9.9.9\n', 0o666);
  expect(() => withEnvironmentFile({}, file)).toThrow(/may be written by everybody.*chmod 600/);
});
