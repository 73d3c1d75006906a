// `breakglass init` in a directory of its own, with the real ssh-keygen; and what it wrote, read by the command again.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../test/support/temp-dir.ts';
import { json, run, smallConsole, typist } from './console.fixture.ts';
import { parseEnvironment, withValues } from './environment-file.ts';
import { init } from './init.ts';
import { ownAddressTowards } from './init-questions.ts';
import { localConsole } from './local-configuration.ts';

const FLAGS = ['--power-host', '192.168.1.127', '--vmid', '102', '--vm', '10.0.10.10', '--from', '10.0.20.5'];

function place() {
  const dir = path.join(tempDir(), 'breakglass');
  const file = path.join(dir, 'environment');
  const read = () => parseEnvironment(readFileSync(file, 'utf8'));
  /** As a plain user: where this test runs as root it says that it does not. */
  const set = (
    options: Parameters<typeof init>[0],
    over: Partial<Parameters<typeof init>[2]> = {},
    isRoot = false,
  ) => {
    const out: string[] = [];
    const err: string[] = [];
    const room = {
      print: (line: string) => out.push(line),
      talk: (line: string) => err.push(line),
      terminal: undefined,
      ...over,
    };
    return init(options, { BREAKGLASS_ENVIRONMENT: file }, room, isRoot).then(() => ({
      out: out.join('\n'),
      err,
    }));
  };
  return { dir, file, read, set };
}
const GIVEN = {
  powerHost: '192.168.1.127',
  vmid: '102',
  vm: '10.0.10.10',
  from: '10.0.20.5',
  yes: true,
} as const;
const modeOf = (file: string): number => statSync(file).mode & 0o777;

test('with options it makes a key, a token and settings that nobody else can read, and prints both install commands with the key', async () => {
  const { dir, file, read, set } = place();
  const { out } = await set(GIVEN);
  const key = path.join(dir, 'id_ed25519');
  const token = path.join(dir, 'secrets', 'API_BEARER_TOKEN');
  expect(read()).toEqual({
    BREAKGLASS_PVE_HOST: '192.168.1.127',
    BREAKGLASS_PVE_VMID: '102',
    BREAKGLASS_DEVVM_HOST: '10.0.10.10',
    BREAKGLASS_PVE_USER: 'breakglass',
    BREAKGLASS_DEVVM_OBSERVER_USER: 'breakglass-observer',
    BREAKGLASS_KEY_PATH: key,
    API_BEARER_TOKEN_FILE: token,
  });
  expect([file, key, token].map(modeOf)).toEqual([0o600, 0o600, 0o600]);
  expect(readFileSync(token, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  const { stdout } = spawnSync('ssh-keygen', ['-y', '-P', '', '-f', key], { encoding: 'utf8' });
  const shown = stdout.trim().split(' ').slice(0, 2).join(' ');
  expect(out).toContain(`echo '${shown}' | host/install --vmid 102 --key - --from 10.0.20.5\n`);
  expect(out).toContain(`echo '${shown}' | host/install-vm --key - --from 10.0.20.5\n`);
  expect(out).toContain('breakglass doctor');
});

test('the console of root gets key and token from where its service looks, so its settings do not name them', async () => {
  const { dir, read, set } = place();
  const { out } = await set(GIVEN, {}, true);
  expect(Object.keys(read()).filter((name) => /KEY|TOKEN/.test(name))).toEqual([]);
  expect(existsSync(path.join(dir, 'secrets', 'API_BEARER_TOKEN'))).toBe(true);
  expect(out).toContain('deploy/install');
});

test('run again nothing changes; what is given otherwise is replaced only after --yes or a y; other lines stay', async () => {
  const { dir, file, read, set } = place();
  await set(GIVEN);
  writeFileSync(file, `# mine\n${readFileSync(file, 'utf8')}BREAKGLASS_POLICY=observe\n`);
  const before = [file, `${dir}/id_ed25519`, `${dir}/secrets/API_BEARER_TOKEN`].map((each) =>
    readFileSync(each, 'utf8'),
  );
  await set({ yes: true });
  const after = [file, `${dir}/id_ed25519`, `${dir}/secrets/API_BEARER_TOKEN`].map((each) =>
    readFileSync(each, 'utf8'),
  );
  expect(after).toEqual(before);

  await expect(set({ vmid: '103', yes: false })).rejects.toThrow(/BREAKGLASS_PVE_VMID\. Add --yes/);
  const no = typist('', '', '', '', '', '', 'n');
  await expect(set({ yes: false }, { terminal: no.terminal })).resolves.toBeDefined();
  const other = typist('', '103', '', '', '', '', 'n');
  await expect(set({ yes: false }, { terminal: other.terminal })).rejects.toThrow('Nothing was done.');
  expect(other.questions.at(-1)).toContain('BREAKGLASS_PVE_VMID: 102 becomes 103');
  expect(readFileSync(file, 'utf8')).toBe(before[0]);
  await set({ vmid: '103', yes: true });
  expect([read()['BREAKGLASS_PVE_VMID'], read()['BREAKGLASS_POLICY']]).toEqual(['103', 'observe']);
  expect(readFileSync(file, 'utf8')).toMatch(/^# mine\n/);
});

test('at a terminal it asks with defaults, and again where an answer is not understood', async () => {
  const { read, set } = place();
  const person = typist(
    '192.168.1.127',
    'devvm',
    '',
    '102',
    '10.0.10.10',
    '10.0.20.0/24',
    '',
    'https://bg.example',
  );
  await set({ yes: false }, { terminal: person.terminal });
  expect(read()).toMatchObject({ BREAKGLASS_PVE_VMID: '102', BREAKGLASS_PUBLIC_URL: 'https://bg.example' });
  expect(person.questions[2]).toBe('Expected the number of a VM, such as 102. Press Enter to try again.');
  const again = typist();
  await expect(set({ yes: false }, { terminal: again.terminal })).rejects.toThrow('The input ended.');
  expect(again.questions[0]).toContain('[192.168.1.127]');
});

test('the credential of the model is kept under the name that it belongs to, and is printed nowhere', async () => {
  for (const [secret, name] of [
    ['sk-ant-oat01-abcdef', 'CLAUDE_CODE_OAUTH_TOKEN'],
    ['sk-ant-api03-abcdef', 'ANTHROPIC_API_KEY'],
  ] as const) {
    const { dir, read, set } = place();
    const modelFile = path.join(tempDir(), 'credential');
    writeFileSync(modelFile, `${secret}\n`);
    const { out, err } = await set({ ...GIVEN, modelFile });
    const kept = path.join(dir, 'secrets', name);
    expect([read()[`${name}_FILE`], readFileSync(kept, 'utf8'), modeOf(kept)]).toEqual([
      kept,
      `${secret}\n`,
      0o600,
    ]);
    expect(out + err.join('')).not.toContain(secret);
  }
});

/** A file with this credential, to be given. */
const credential = (secret: string): string => {
  const file = path.join(tempDir(), 'credential');
  writeFileSync(file, `${secret}\n`);
  return file;
};

test('another credential of the model takes the place of the one that is there, after a y or with --yes; of two kinds one stays', async () => {
  const { dir, read, set } = place();
  const kept = (name: string): string => path.join(dir, 'secrets', name);
  const [key, token] = [kept('ANTHROPIC_API_KEY'), kept('CLAUDE_CODE_OAUTH_TOKEN')];
  const text = (file: string): string => readFileSync(file, 'utf8').trim();
  await set({ ...GIVEN, modelFile: credential('sk-ant-api03-old') });
  const other = credential('sk-ant-api03-new');
  await expect(set({ modelFile: other, yes: false })).rejects.toThrow(/ANTHROPIC_API_KEY\. Add --yes/);
  const no = typist('', '', '', '', other, '', 'n');
  await expect(set({ yes: false }, { terminal: no.terminal })).rejects.toThrow('Nothing was done.');
  expect(no.questions[4]).toContain('nothing: the one that is there stays');
  expect(no.questions.at(-1)).toContain('ANTHROPIC_API_KEY: another credential of the model');
  expect(no.questions.join('')).not.toContain('sk-ant');
  expect(text(key)).toBe('sk-ant-api03-old');
  const yes = typist('', '', '', '', other, '', 'y');
  const { err } = await set({ yes: false }, { terminal: yes.terminal });
  expect([text(key), modeOf(key), err.at(-1)]).toEqual([
    'sk-ant-api03-new',
    0o600,
    'Restart the console: it takes the new credential then.',
  ]);
  // The same again changes nothing, so it needs no yes.
  expect((await set({ modelFile: other, yes: false })).err).toEqual([]);

  await set({ modelFile: credential('sk-ant-oat01-another'), yes: true });
  expect([text(token), existsSync(key), read()['ANTHROPIC_API_KEY_FILE']]).toEqual([
    'sk-ant-oat01-another',
    false,
    '',
  ]);
  expect(read()['CLAUDE_CODE_OAUTH_TOKEN_FILE']).toBe(token);
});

test('a credential that stands in the settings is replaced there; one in a file of somebody else is left to them', async () => {
  const { file, read, set } = place();
  await set(GIVEN);
  const settings = readFileSync(file, 'utf8');
  const modelFile = credential('sk-ant-api03-new');
  writeFileSync(file, `${settings}ANTHROPIC_API_KEY=sk-ant-api03-old\n`);
  await set({ modelFile, yes: true });
  expect(read()).toMatchObject({ ANTHROPIC_API_KEY: 'sk-ant-api03-new' });
  writeFileSync(file, `${settings}ANTHROPIC_API_KEY_FILE=/run/secrets/key\n`);
  await expect(set({ modelFile, yes: true })).rejects.toThrow('is in /run/secrets/key');
});

test('what is missing or not understood is exit code 2, and nothing is written', async () => {
  const dir = tempDir();
  const env = { BREAKGLASS_ENVIRONMENT: path.join(dir, 'new', 'environment') };
  for (const [argv, says] of [
    [['init', '--yes'], '--power-host is missing'],
    [
      ['init', '--yes', ...FLAGS, '--vmid', 'devvm'],
      '--vmid: "devvm" is not understood. Expected the number of a VM',
    ],
    [['init', '--yes', ...FLAGS, '--from', '10.0.0.0/99'], '--from: "10.0.0.0/99"'],
    [['init', '--yes', ...FLAGS, '--public-url', 'https://x.example/path'], 'an address without a path'],
    // What would be another line of the file, or no value of one.
    [['init', '--yes', ...FLAGS, '--public-url', 'https://x\nA_B=c'], 'an address without a path'],
    [['init', '--yes', ...FLAGS, '--public-url', `https://x"y'.example`], 'an address without a path'],
    // What host/install refuses.
    [['init', '--yes', ...FLAGS, '--from', '10.0.20.5/24'], '--from: "10.0.20.5/24"'],
    [['init', '--yes', ...FLAGS, '--from', 'fe80::1%eth0'], '--from: "fe80::1%eth0"'],
    [['init', '--yes', ...FLAGS, '--model-file', '/etc/passwd'], 'the token or key alone'],
    [['init', '--yes', ...FLAGS, '--model-file', '/does/not/exist'], 'a file that can be read'],
  ] as const) {
    const { code, err } = await run(argv, env);
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
  }
  expect(existsSync(path.join(dir, 'new'))).toBe(false);
});

test.each(['10.0.20.0/24', '10.0.20.5/32', 'fd00::/8', 'fd00::5', '10.0.20.5,192.168.1.0/30'])(
  'addresses such as %s are taken',
  async (from) => {
    expect((await place().set({ ...GIVEN, from })).out).toContain(`--from ${from}\n`);
  },
);

test('the address of this console that is offered is never "any"', async () => {
  // No packet may go there without more ado.
  expect(await ownAddressTowards('255.255.255.255')).not.toBe('0.0.0.0');
});

test('a key that the console could not use is told of, and stays', async () => {
  const { dir, file, set } = place();
  const key = path.join(dir, 'id_ed25519');
  mkdirSync(dir);
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'a passphrase', '-f', key]);
  const before = readFileSync(key, 'utf8');
  await expect(set(GIVEN)).rejects.toThrow(`can use no key with a passphrase`);
  expect([readFileSync(key, 'utf8'), existsSync(file)]).toEqual([before, false]);
});

test('the accounts that a console uses already stay, and the install commands name them', async () => {
  const { dir, file, read, set } = place();
  mkdirSync(dir);
  writeFileSync(
    file,
    'BREAKGLASS_PVE_HOST=192.168.1.127\nBREAKGLASS_PVE_VMID=\nBREAKGLASS_DEVVM_USER=rescue\n',
  );
  const { out } = await set({ ...GIVEN, yes: false });
  expect(read()).toMatchObject({ BREAKGLASS_PVE_USER: 'root', BREAKGLASS_PVE_VMID: '102' });
  expect(out).toContain('--from 10.0.20.5 --simple\n');
  expect(out).toContain('--from 10.0.20.5 --repair-user rescue\n');
});

test('where several targets are configured it changes nothing', async () => {
  const file = path.join(tempDir(), 'environment');
  writeFileSync(file, 'BREAKGLASS_CONFIG=/etc/breakglass/targets.yaml\n');
  const { code, err } = await run(['init', '--yes', ...FLAGS], { BREAKGLASS_ENVIRONMENT: file });
  expect([code, err]).toEqual([2, expect.stringContaining('several targets')]);
});

test('without an address the command finds the console of this machine, and its token goes nowhere else', async () => {
  const { url, asked } = await smallConsole({ 'GET /api/targets': json({ default: 'devvm', targets: [] }) });
  const dir = tempDir();
  const file = path.join(dir, 'environment');
  const secret = 'local-token-0123456789';
  mkdirSync(path.join(dir, 'secrets'));
  writeFileSync(path.join(dir, 'secrets', 'API_BEARER_TOKEN'), `${secret}\n`);
  writeFileSync(file, `BREAKGLASS_PORT=${new URL(url).port}\nBREAKGLASS_BIND=0.0.0.0\n`);
  const env = { BREAKGLASS_ENVIRONMENT: file };
  expect((await run(['status'], env)).code).toBe(0);
  expect(asked.at(-1)?.headers.authorization).toBe(`Bearer ${secret}`);
  await run(['status', '--url', url], env);
  expect(asked.at(-1)?.headers.authorization).toBeUndefined();
});

test.each<[string, Record<string, string>, string]>([
  ['nothing is set', {}, 'http://127.0.0.1:8080'],
  ['it listens everywhere', { BREAKGLASS_BIND: '::', BREAKGLASS_PORT: '9000' }, 'http://127.0.0.1:9000'],
  ['it listens on one address of version 6', { BREAKGLASS_BIND: 'fd00::5' }, 'http://[fd00::5]:8080'],
  [
    'it has a certificate',
    { BREAKGLASS_TLS_CERT: '/x', BREAKGLASS_PUBLIC_URL: 'https://bg.example, https://other.example' },
    'https://bg.example',
  ],
])('where %s its address is %s', (_what, values, url) => {
  expect(localConsole({ HOME: '/does/not/exist', ...values }, '/does/not/exist').url).toBe(url);
});

test('the token that a console made for itself is found in its data directory', () => {
  const dir = tempDir();
  writeFileSync(path.join(dir, 'access-token'), 'own-token-0123456789\n');
  const own = localConsole({ BREAKGLASS_DATA_DIR: dir }, '/does/not/exist');
  expect(own.token).toBe('own-token-0123456789');
});

test('a value replaces the line of its name where it stands, and leaves every other', () => {
  const text = '# one\nA=1\n\nB=2 # not a comment\n';
  expect(withValues(text, { B: '3', C: '4' })).toBe('# one\nA=1\n\nB=3\nC=4\n');
  expect(withValues('', { A: '1' })).toBe('A=1\n');
});
