// The command against a small console: what it prints, where, and how it ends.

import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TargetState } from '../protocol/me.ts';
import { freePort } from '../test/support/free-port.ts';
import { tempDir } from '../test/support/temp-dir.ts';
import { run } from './console.fixture.ts';
import { CliError } from './failure.ts';
import { status } from './status.ts';

const TOKEN = 'cli-token-0123456789';
const state = (name: string, more: object = {}) => ({
  name,
  vm: { state: 'running', at: new Date(Date.now() - 3_000).toISOString() },
  ssh: { answers: true, at: null },
  qmp: { answers: true, at: null },
  guest_agent: { answers: null, at: null },
  warnings: [],
  operation: null,
  ...more,
});
const TARGETS = {
  default: 'devvm',
  targets: [
    state('devvm'),
    state('a-long-target', { vm: { state: 'unknown', at: null }, ssh: { answers: false, at: null } }),
  ],
};

async function startConsole(answer: (request: IncomingMessage) => { status: number; body: string }) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization ?? '-'}`);
    const { status, body } = answer(request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('status lists every target in columns; the token comes from the environment or a file, never from the command line', async () => {
  const { url, asked } = await startConsole(() => ({ status: 200, body: JSON.stringify(TARGETS) }));
  const { code, out, err } = await run(['status'], { BREAKGLASS_URL: url, BREAKGLASS_TOKEN: TOKEN });
  expect([code, err]).toEqual([0, '']);
  expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['TARGET', 'VM', 'SSH', 'AGENT', 'QMP', 'SEEN'],
    ['devvm', 'running', 'answers', 'not known', 'answers', expect.stringMatching(/^\d+ s ago$/)],
    ['a-long-target', 'unknown', 'silent', 'not known', 'answers', 'never'],
  ]);
  const file = path.join(tempDir(), 'token');
  writeFileSync(file, `${TOKEN}\n`);
  await run(['--url', `${url}/`, '--token-file', file, 'status', '--json']);
  expect(asked).toEqual([`/api/targets Bearer ${TOKEN}`, `/api/targets Bearer ${TOKEN}`]);
});

/** As right after the start of a console: asked, and no answer yet. */
const asked = (name: string) =>
  state(name, {
    vm: { state: 'unknown', at: null, asking: { since: 'x' } },
    ssh: { answers: null, reading: 'unknown', at: null, asking: { since: 'x' } },
    qmp: { answers: null, at: null, asking: { since: 'x' } },
  });

test('status waits for the first reading of a console that has just started', async () => {
  let looks = 0;
  const { url } = await startConsole(() => {
    looks += 1;
    const targets = [state('devvm'), looks < 3 ? asked('other') : state('other')];
    return { status: 200, body: JSON.stringify({ default: 'devvm', targets }) };
  });
  const { out, err } = await run(['status', '--url', url]);
  expect([looks, err]).toEqual([3, '']);
  expect(out.split('\n').at(-1)).toMatch(/^other +running +answers +not known +answers/);
});

test('status says in words who has not answered yet, when it has waited long enough', async () => {
  const { url } = await startConsole(() => ({ status: 200, body: JSON.stringify(asked('devvm')) }));
  const [out, err]: [string[], string[]] = [[], []];
  const room = { print: (line: string) => out.push(line), talk: (line: string) => err.push(line) };
  await status({ url, token: undefined }, { target: 'devvm', json: false }, room, 0);
  expect(out[1]).toMatch(/^devvm +unknown +asked +not known +asked +never$/);
  expect(err).toEqual([
    'devvm: not known yet: the power host and SSH in the VM were asked and did not answer so far. Look again in a moment.',
  ]);
});

test('--json prints the whole answer of the console, and nothing else on stdout', async () => {
  const { url } = await startConsole(() => ({ status: 200, body: JSON.stringify(TARGETS) }));
  const { out } = await run(['status', '--json', '--url', url]);
  expect(JSON.parse(out)).toEqual(TARGETS);
});

test('one target is asked by its name, with what a row has no place for', async () => {
  const one = state('devvm', {
    warnings: ['another version'],
    ssh: { answers: false, at: null, detail: 'timed out' },
    host_key_changed: [
      {
        side: 'power_host',
        known: [{ type: 'ED25519', fingerprint: 'SHA256:old' }],
        offered: { type: 'RSA', fingerprint: 'SHA256:new' },
      },
    ],
  });
  const { url, asked } = await startConsole(() => ({ status: 200, body: JSON.stringify(one) }));
  const { out } = await run(['--url', url, 'status', 'devvm']);
  expect(asked).toEqual(['/api/targets/devvm -']);
  expect(out).toContain('ssh: timed out\nwarning: another version');
  expect(out).toContain(
    'the power host shows another one than before: known SHA256:old (ED25519), offered SHA256:new (RSA).',
  );
});

const found = (past?: string): Partial<TargetState> => ({
  finding: {
    at: new Date().toISOString(),
    report: {
      target: 'devvm',
      at: 'x',
      cautions: [],
      finding: {
        code: 'block-path-stalled',
        summary: 'Stalled.',
        confidence: 0.9,
        advised: 'cycle',
        warned: [],
        advice: 'Cycle.',
        inputs: [],
      },
    },
    ...(past === undefined ? {} : { past }),
  },
});

test('of one target it says what was found, what is past of it, and which verbs do not apply', async () => {
  const yes = { applies: true } as const;
  const verbs = { cycle: yes, reset: yes, stop: yes, start: { applies: false, why: 'It runs.' } } as const;
  const said = async (more: Partial<TargetState>) => {
    const { url } = await startConsole(() => ({ status: 200, body: JSON.stringify(state('devvm', more)) }));
    return (await run(['--url', url, 'status', 'devvm'])).out;
  };
  const fresh = await said({ ...found(), verbs, here: [{ name: 'ann', since: 'x' }] });
  expect(fresh).toMatch(/^finding: Stalled\. \(block-path-stalled, \d+ s ago\) Advised: cycle\.$/m);
  expect(fresh).toContain('start does not apply: It runs.\nhere: ann');
  const past = await said(found('It is from before cycle by ann.'));
  expect(past).toMatch(/^past finding: Stalled\. \(.*\) It is from before cycle by ann\.$/m);
  expect(past).not.toContain('Advised');
});

test('what goes wrong is one sentence on stderr, and the exit code says of which kind it is', async () => {
  const problem = (status: number, detail: string) => ({ status, body: JSON.stringify({ detail }) });
  const answers = [
    problem(401, 'Sign in.'),
    problem(404, 'There is no target "x".'),
    { status: 200, body: '<html>' },
  ];
  const seen: unknown[] = [];
  for (const answer of answers) {
    const { url } = await startConsole(() => answer);
    const { code, out, err } = await run(['--url', url, 'status', 'x']);
    seen.push([code, out, err.replace(url, 'URL')]);
  }
  expect(seen).toEqual([
    [
      3,
      '',
      'breakglass: The console at URL does not know you: set BREAKGLASS_TOKEN, or BREAKGLASS_TOKEN_FILE.',
    ],
    [1, '', 'breakglass: There is no target "x".'],
    [1, '', 'breakglass: What answers at URL is not a Breakglass console.'],
  ]);
  const closed = `http://127.0.0.1:${await freePort()}`;
  const gone = await run(['--url', closed, 'status']);
  expect([gone.code, gone.err]).toEqual([
    1,
    `breakglass: The console at ${closed} cannot be reached: nothing listens there.`,
  ]);
});

test('with --json a failure is an object on stdout too: the problem as it was received, or the kind of what went wrong here', async () => {
  const sent = {
    type: 'about:blank',
    title: 'x',
    status: 404,
    code: 'unknown-target',
    detail: 'There is no target "x".',
    known: ['devvm'],
  };
  const { url } = await startConsole(() => ({ status: 404, body: JSON.stringify(sent) }));
  const refused = await run(['--url', url, 'status', 'x', '--json']);
  expect([refused.code, JSON.parse(refused.out)]).toEqual([1, { error: { ...sent, exit_code: 1 } }]);
  expect(refused.err).toBe('breakglass: There is no target "x".');
  const closed = `http://127.0.0.1:${await freePort()}`;
  const said = async (...argv: readonly string[]) => {
    const { code, out } = await run([...argv, '--json']);
    expect(out).not.toContain('\n');
    return [code, JSON.parse(out).error];
  };
  const nobodyThere = `The console at ${closed} cannot be reached: nothing listens there.`;
  expect(await said('--url', closed, 'status')).toEqual([
    1,
    { code: 'no-answer', detail: nobodyThere, exit_code: 1 },
  ]);
  expect(await said('status', 'a', 'b')).toEqual([
    2,
    { code: 'usage', detail: expect.stringContaining('too many arguments'), exit_code: 2 },
  ]);
  const stranger = await startConsole(() => ({ status: 401, body: '<html>' }));
  expect(await said('--url', stranger.url, 'status')).toEqual([
    3,
    {
      code: 'unauthenticated',
      detail: expect.stringContaining('does not know you'),
      exit_code: 3,
    },
  ]);
});

test('a command line that is not understood ends with 2 and does nothing', async () => {
  for (const argv of [
    ['stauts'],
    ['status', 'a', 'b'],
    ['status', '--jsno'],
    ['--url', 'ftp://x', 'status'],
    ['--url'],
    ['--token-file', '/does/not/exist', 'status'],
    ['journal', 'back'],
    ['journal', 'back', 'x'],
    ['backup'],
    ['restore', 'a.tar'],
  ]) {
    const { code, out, err } = await run(argv);
    expect([argv, code, out]).toEqual([argv, 2, '']);
    expect(err).not.toBe('');
  }
});

test('the token that is named on the command line counts before the environment, and one given twice is refused', async () => {
  const { url, asked } = await startConsole(() => ({ status: 200, body: JSON.stringify(TARGETS) }));
  const file = path.join(tempDir(), 'token');
  writeFileSync(file, `${TOKEN}\n`);
  const argv = ['--url', url, 'status', '--json'];
  await run(['--token-file', file, ...argv], { BREAKGLASS_TOKEN: 'another', API_BEARER_TOKEN_FILE: 'x' });
  await run(argv, { BREAKGLASS_TOKEN: '', BREAKGLASS_TOKEN_FILE: file });
  expect(asked).toEqual([`/api/targets Bearer ${TOKEN}`, `/api/targets Bearer ${TOKEN}`]);
  for (const name of ['BREAKGLASS_TOKEN', 'API_BEARER_TOKEN'])
    expect(await run(['status', '--url', url], { [name]: TOKEN, [`${name}_FILE`]: file })).toEqual({
      code: 2,
      out: '',
      err: `breakglass: ${name} and ${name}_FILE are both set: set one of them.`,
    });
  expect(asked).toHaveLength(2);
});

test('a token that goes over plain http to another machine is told once, and the command goes on', async () => {
  const { url, asked } = await startConsole(() => ({ status: 200, body: JSON.stringify(TARGETS) }));
  const { port } = new URL(url);
  // An address of this machine that does not look like one: Node takes it as 127.0.0.1.
  const far = `http://0.0.0.0:${port}`;
  const said = async (at: string, env: Readonly<Record<string, string>> = { BREAKGLASS_TOKEN: TOKEN }) => {
    const { code, err } = await run(['--url', at, 'status'], env);
    expect(code).toBe(0);
    return err;
  };
  expect(await said(far)).toBe(`warning: ${far} is not encrypted: whoever is on the way can read the token.`);
  expect(asked).toEqual([`/api/targets Bearer ${TOKEN}`]);
  expect(await said(far, {})).toBe('');
  for (const near of [url, `http://localhost:${port}`, `http://127.1:${port}`])
    expect(await said(near)).toBe('');
});

test('no message repeats a token or a password', async () => {
  const file = path.join(tempDir(), 'token');
  writeFileSync(file, 'secret-one\nsecret-two\n');
  const token = ['--url', 'http://127.0.0.1:1', 'status'];
  for (const said of [
    await run(['--token-file', file, ...token]),
    await run(token, { BREAKGLASS_TOKEN: 'secret\u200B' }),
    await run(['status'], { API_BEARER_TOKEN: 'secret \u0007' }),
    await run(['--url', 'https://ann:secret@127.0.0.1:1', 'status']),
  ]) {
    expect([said.code, said.out]).toEqual([2, '']);
    expect(said.err).not.toContain('secret');
  }
});

test('help and version are data', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, out: '9.9.9', err: '' });
  expect((await run(['--help'])).out).toMatch(/^Usage: breakglass/);
});

test('what acts on this machine says what it did, or why not', async () => {
  const local = {
    serve: async () => Promise.reject(new Error('not asked for')),
    journalBack: async (version: number) => {
      if (version === 9) throw new CliError('The journal has version 2.', 2);
      return `back to ${version}`;
    },
    backup: async (to: string) => `backed up to ${to}`,
    restore: async (from: string, to: string) => `restored ${from} into ${to}`,
  };
  expect(await run(['journal', 'back', '1'], {}, { local })).toEqual({ code: 0, out: '', err: 'back to 1' });
  expect((await run(['backup', 'a.tar'], {}, { local })).err).toBe('backed up to a.tar');
  expect((await run(['restore', 'a.tar', 'dir'], {}, { local })).err).toBe('restored a.tar into dir');
  expect(await run(['journal', 'back', '9'], {}, { local })).toMatchObject({
    code: 2,
    err: 'breakglass: The journal has version 2.',
  });
});

test('nothing that a VM or a host says commands the terminal, forges a line or hides a character', async () => {
  const evil = 'ok\u001b]0;pwned\u0007\u009b2J\u202Egnp\u200B\r\nwarning: forged\u2800';
  const one = state('devvm', {
    vm: { state: evil, at: null, detail: evil },
    ssh: { answers: false, at: null, detail: evil },
    warnings: [evil],
  });
  const calm = /^[^\p{Cc}\p{Cf}\u2800]*$/u;
  const good = await startConsole(() => ({ status: 200, body: JSON.stringify(one) }));
  const said = await run(['status', 'devvm'], { BREAKGLASS_URL: good.url });
  expect(said.out).toContain('⟨\\e⟩]0;pwned⟨\\a⟩');
  for (const line of said.out.split('\n')) {
    expect(line).toMatch(calm);
    expect(line).not.toMatch(/^warning: forged/);
  }
  const json = await run(['status', 'devvm', '--json'], { BREAKGLASS_URL: good.url });
  for (const line of json.out.split('\n')) expect(line).toMatch(calm);
  expect(JSON.parse(json.out)).toEqual(JSON.parse(JSON.stringify(one)));
  const bad = await startConsole(() => ({ status: 409, body: JSON.stringify({ detail: evil }) }));
  const refused = await run(['status', 'devvm'], { BREAKGLASS_URL: bad.url });
  expect(refused.err).toMatch(calm);
});
