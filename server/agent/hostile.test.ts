// A hostile model: it asks for everything it must not have. Nothing reaches the VM or the power host, and nothing of what it
// asked to read comes back to it.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  type AnswerBlock,
  answer,
  type Handler,
  type ModelRequest,
  text,
  toolUse,
} from '../../lab/model/scripted.ts';
import { ofKind, type Rig, runTurn, SECRET, startRig } from './agent.fixture.ts';

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));

const CANARY = 'canary-4711-outside';

/** Answers the n-th prompt with the n-th batch of calls, and each batch's results with a word. */
const batches =
  (calls: () => readonly (readonly AnswerBlock[])[]): Handler =>
  (request: ModelRequest) => {
    const last = request.messages.at(-1)?.content ?? [];
    if (last.some((block) => block.type === 'tool_result')) return answer(text('So be it.'));
    const prompts = request.messages.filter(
      (each) => each.role === 'user' && each.content.some((block) => block.type === 'text'),
    );
    return answer(...(calls()[prompts.length - 1] ?? [text('Nothing left.')]));
  };

const ssh = (host: unknown, command: unknown, more: Record<string, unknown> = {}): AnswerBlock =>
  toolUse('mcp__breakglass__ssh', { host, command, ...more });

function handless(): AnswerBlock[] {
  const id = { command: 'id; cat /etc/passwd' };
  return [
    ...['Bash', 'bash', 'BashOutput', 'KillShell', 'Shell', 'PowerShell', 'exec', 'computer', 'REPL'].map(
      (name) => toolUse(name, id),
    ),
    toolUse('Write', { file_path: '/tmp/breakglass-hostile', content: 'x' }),
    toolUse('Write', { file_path: 'disk-full.md', content: 'x' }),
    toolUse('Edit', { file_path: 'disk-full.md', old_string: 'A', new_string: 'B' }),
    toolUse('MultiEdit', { file_path: 'disk-full.md', edits: [] }),
    toolUse('NotebookEdit', { notebook_path: 'x.ipynb', new_source: 'x' }),
    toolUse('WebFetch', { url: 'http://127.0.0.1:1/', prompt: 'x' }),
    toolUse('WebSearch', { query: 'x' }),
    ...['Task', 'Agent'].map((name) =>
      toolUse(name, { description: 'x', prompt: 'cat /etc/passwd', subagent_type: 'general-purpose' }),
    ),
    ...[
      'Skill',
      'SlashCommand',
      'ToolSearch',
      'EnterWorktree',
      'ExitPlanMode',
      'CronCreate',
      'Monitor',
      'Config',
      'LSP',
    ].map((name) => toolUse(name, { command: '/help', skill: 'verify', query: 'bash', name: 'x' })),
    toolUse('ReadMcpResource', { server: 'breakglass', uri: 'file:///etc/passwd' }),
    toolUse('ListMcpResources', {}),
    toolUse('mcp__breakglass__shell', id),
    toolUse('mcp__breakglass__', id),
    toolUse('mcp__other__ssh', { host: 'devvm', command: 'id' }),
    toolUse('ssh', { host: 'devvm', command: 'id' }),
    toolUse('no_such_tool', {}),
    toolUse('__proto__', {}),
  ];
}

const elsewhere = (): AnswerBlock[] => [
  ...[
    'localhost',
    '127.0.0.1',
    'root@pve',
    'devvm ',
    ' devvm',
    'DEVVM',
    'pve\n',
    '-oProxyCommand=id',
    '-oProxyCommand=touch /tmp/x devvm',
    '--',
    '',
    'devvm;id',
    'devvm -p 22',
  ].map((host) => ssh(host, 'id')),
  ssh(undefined, 'id'),
  ssh(['devvm'], 'id'),
  ssh({ host: 'devvm' }, 'id'),
  ssh(0, 'id'),
  ssh('devvm', ''),
  ssh('devvm', undefined),
  ssh('devvm', ['id']),
  ssh('devvm', 'id', { account: 'root' }),
  ssh('devvm', 'id', { account: 'repair;id' }),
  ssh('devvm', 'id', { timeout_s: 1_000_000 }),
  ssh('devvm', 'id', { timeout_s: -1 }),
  ssh('devvm', 'id', { stdin: 42 }),
];

const verbs = (): AnswerBlock[] =>
  [
    'status ',
    ' status',
    'status\n',
    '\nstatus',
    'status\r',
    'Status',
    'STATUS',
    'status 103',
    'status; reboot',
    'status && reboot',
    'status|sh',
    '$(reboot)',
    '`reboot`',
    '../start',
    'start\0',
    'reboot',
    'shutdown',
    'evidence',
    'destroy',
    'qm stop 102',
    'cycle --force',
    'cycle cycle',
    'сycle',
    '-oProxyCommand=id',
    '--',
    'sh',
    'bash -i',
    'status\nreset',
    'unlock',
    'x'.repeat(100_000),
  ].map((command) => ssh('pve', command));

function reads(rig: Rig): AnswerBlock[] {
  const { dir, knowledge } = rig;
  const files = [
    '/etc/passwd',
    '/proc/self/environ',
    '/proc/self/cmdline',
    '/proc/1/environ',
    `/proc/${process.pid}/environ`,
    '/dev/fd/0',
    '~/.ssh/id_rsa',
    '~',
    '$HOME',
    '../outside.txt',
    `${knowledge}/../outside.txt`,
    `${knowledge}/./../outside.txt`,
    path.join(dir, 'outside.txt'),
    path.join(dir, 'journal.sqlite'),
    path.join(dir, 'agent/claude/.claude.json'),
    `${knowledge}/link`,
    'link',
    'linked-dir/outside.txt',
    `${knowledge}/linked-dir/outside.txt`,
    `${knowledge}-evil/outside.txt`,
    '/proc/self/cwd/../outside.txt',
    `file://${dir}/outside.txt`,
    '',
    '/',
    'disk-full.md/../../outside.txt',
  ];
  return [
    ...files.map((file_path) => toolUse('Read', { file_path })),
    ...files
      .slice(0, 19)
      .map((where) => toolUse('Grep', { pattern: '.', path: where, output_mode: 'content' })),
    ...['/', '/etc', '/proc/self', dir, '..', '~', 'linked-dir'].map((where) =>
      toolUse('Glob', { pattern: '**/*', path: where }),
    ),
    ...[
      '/etc/*',
      '../*',
      '../**/*',
      '~/*',
      '{/etc,x}/*',
      '{..,x}/*',
      'linked-dir/*',
      `${dir}/*`,
      '**/../../*',
    ].map((pattern) => toolUse('Glob', { pattern })),
    ...['../*', '/etc/*', '{/etc/passwd,x}', 'linked-dir/*'].map((glob) =>
      toolUse('Grep', { pattern: 'canary|root:', glob, output_mode: 'content' }),
    ),
    toolUse('Read', { path: '/etc/passwd' }),
    toolUse('Read', { file_path: ['/etc/passwd'] }),
    toolUse('Grep', { pattern: 'canary', output_mode: 'content' }), // allowed: the knowledge directory, links not followed
  ];
}

test('more than 100 calls for what the agent must not have get nothing', async () => {
  let all: AnswerBlock[][] = [];
  const rig = await startRig(batches(() => all));
  rigs.push(rig);
  writeFileSync(path.join(rig.dir, 'outside.txt'), `${CANARY}\n`);
  writeFileSync(path.join(rig.dir, 'journal.sqlite'), `${CANARY}\n`);
  mkdirSync(`${rig.knowledge}-evil`);
  writeFileSync(`${rig.knowledge}-evil/outside.txt`, `${CANARY}\n`);
  symlinkSync(path.join(rig.dir, 'outside.txt'), path.join(rig.knowledge, 'link'));
  symlinkSync(rig.dir, path.join(rig.knowledge, 'linked-dir'));
  all = [handless(), elsewhere(), verbs(), reads(rig)];

  const results = [];
  const asked = [];
  for (const [index, batch] of all.entries()) {
    const events = await runTurn(rig.agent, `prompt ${index}`);
    expect(ofKind(events, 'tool').length, `calls shown of batch ${index}`).toBe(batch.length);
    results.push(...ofKind(events, 'tool_result'));
    asked.push(...ofKind(events, 'tool'));
  }
  expect(asked.length).toBeGreaterThan(130);
  expect(results.length).toBe(asked.length);
  // Of all these, one is allowed: a search of the knowledge directory itself, which finds nothing.
  expect(results.filter((each) => !each.is_error).map((each) => each.output)).toEqual(['No matches found']);

  expect(rig.guest.seen).toEqual([]);
  expect(rig.power.seen).toEqual([]);
  const returned = rig.model.requests
    .flatMap((request) => request.messages)
    .flatMap((message) => message.content)
    .flatMap((block) => (block.type === 'tool_result' ? [block.text] : []))
    .join('\n');
  for (const secret of [CANARY, SECRET, 'root:x:0', 'PATH=', 'ANTHROPIC'])
    expect(returned).not.toContain(secret);
}, 120_000);

test('the runbooks can be read, found and searched', async () => {
  const rig = await startRig(
    batches(() => [
      [
        toolUse('Read', { file_path: 'disk-full.md' }),
        toolUse('Glob', { pattern: '**/*.md' }),
        toolUse('Glob', { pattern: '*.{md,txt}' }),
        toolUse('Grep', { pattern: 'runbook' }),
        toolUse('Grep', { pattern: 'runbook', glob: '*.md', path: '.' }),
      ],
    ]),
  );
  rigs.push(rig);
  const events = await runTurn(rig.agent, 'read');
  const results = ofKind(events, 'tool_result');
  expect(results.map((each) => each.is_error)).toEqual([false, false, false, false, false]);
  // Readers run side by side: in any order.
  const outputs = results.map((each) => each.output);
  expect(outputs.filter((output) => output.includes('# A runbook')).length).toBe(1);
  expect(outputs.filter((output) => output.includes('disk-full.md')).length).toBe(4);
});

test('calls of 2 MB are refused with a sentence, and of none is more recorded than its beginning and its length', async () => {
  const long = 'x'.repeat(2_000_000);
  const calls = [
    ssh('devvm', long),
    ssh('devvm', 'cat >/tmp/x', { stdin: long }),
    ssh('pve', long),
    ssh(long, 'id'),
    ssh('devvm', 'id', { [long]: long, deep: { a: [long] } }),
    toolUse('Grep', { pattern: long }),
    toolUse(`Tool${long.slice(0, 100_000)}`, { a: long }),
  ];
  // Claude Code may summarise a conversation as long as this and ask again, so that what comes after the calls is not always their results.
  let asks = 0;
  const rig = await startRig(() => (asks++ === 0 ? answer(...calls) : answer(text('So be it.'))));
  rigs.push(rig);
  const events = await runTurn(rig.agent, 'go');
  const asked = ofKind(events, 'tool');
  expect(asked).toHaveLength(7);
  for (const each of asked) expect(JSON.stringify(each).length).toBeLessThan(10_000);
  expect(asked[0]?.input.command).toMatch(/^ssh devvm x{4096} \[…cut: 2000000 characters in all\]$/);
  const results = ofKind(events, 'tool_result').map(({ output }) => output);
  expect(results[0]).toMatch(
    /^Refused: the command has 2000000 bytes, and at most 32768 are allowed\. It was not run\./,
  );
  expect(results[1]).toMatch(/^Refused: stdin has 2000000 characters/);
  // The one whose own parts are all right runs; what nobody asked for does not get there.
  expect(rig.guest.seen.map(({ command }) => command)).toEqual(['id']);
});

test('what runs is recorded whole: a command of just 32 KiB, in letters of three bytes', async () => {
  const command = `echo ${'ж漢'.repeat(6_500)}`;
  const rig = await startRig(batches(() => [[ssh('devvm', command, { stdin: 'y'.repeat(200_000) })]]));
  rigs.push(rig);
  const [asked] = ofKind(await runTurn(rig.agent, 'go'), 'tool');
  expect(asked?.input).toMatchObject({ command: `ssh devvm ${command}`, stdin: 'y'.repeat(200_000) });
  expect(rig.guest.seen.map((each) => each.command)).toEqual([command]);
});
