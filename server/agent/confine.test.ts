import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSdkMcpServer } from '@anthropic-ai/claude-agent-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSessionId } from '../../protocol/ids.ts';
import { confine } from './confine.ts';
import { processOptions } from './process-options.ts';

const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'breakglass-confine-')));
const root = path.join(dir, 'knowledge');
const confinement = { root, tools: ['Read', 'Grep', 'Glob', 'ssh', 'triage'] };

beforeAll(() => {
  mkdirSync(path.join(root, 'sub'), { recursive: true });
  writeFileSync(path.join(root, 'sub/a.md'), 'a');
  writeFileSync(path.join(dir, 'secret'), 's');
  symlinkSync(path.join(dir, 'secret'), path.join(root, 'link'));
  symlinkSync('/', path.join(root, 'all'));
  symlinkSync('sub/a.md', path.join(root, 'inner'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const ALLOWED: readonly (readonly [string, unknown])[] = [
  ['Read', { file_path: path.join(root, 'sub/a.md') }],
  ['Read', { file_path: 'sub/a.md' }],
  ['Read', { file_path: 'sub/../sub/a.md' }],
  ['Read', { file_path: 'inner' }],
  ['Grep', { pattern: '/etc/passwd' }],
  ['Grep', { pattern: 'x', path: 'sub', glob: '**/*.{md,txt}' }],
  ['Glob', { pattern: '**/*.md' }],
  ['Glob', { pattern: 'sub/*', path: root }],
  ['mcp__breakglass__ssh', { host: 'devvm', command: 'id' }],
  ['mcp__breakglass__triage', {}],
];
const REFUSED: readonly (readonly [string, unknown])[] = [
  ['Read', { file_path: '/etc/passwd' }],
  ['Read', { file_path: '../secret' }],
  ['Read', { file_path: 'link' }],
  ['Read', { file_path: 'all/etc/passwd' }],
  ['Read', { file_path: '/proc/self/environ' }],
  ['Read', { file_path: '~/x' }],
  ['Read', { file_path: 'sub/a.md\0' }],
  ['Read', { file_path: 'not-there.md' }],
  ['Read', {}],
  ['Read', null],
  ['Grep', { pattern: 'x', path: '/' }],
  ['Grep', { pattern: 'x', path: 'all' }],
  ['Grep', { pattern: 'x', path: '' }],
  ['Grep', { pattern: 'x', glob: '../*' }],
  ['Glob', { pattern: '/etc/*' }],
  ['Glob', { pattern: 'all/etc/*' }],
  ['Glob', { pattern: '{../,sub/}*' }],
  ['Glob', { pattern: '{/etc,sub}/*' }],
  ['Glob', { pattern: 'sub/**', path: '..' }],
  ['Bash', { command: 'id' }],
  ['Write', { file_path: path.join(root, 'x') }],
  ['mcp__breakglass__shell', {}],
  ['mcp__other__Read', { file_path: 'sub/a.md' }],
];

const name = ([tool, input]: readonly [string, unknown]): string => `${tool} ${JSON.stringify(input)}`;

test.each(ALLOWED.map((each) => [name(each), ...each] as const))('%s is allowed', (_, tool, input) => {
  expect(confine(confinement, tool, input)).toEqual({ allowed: true });
});

test.each(REFUSED.map((each) => [name(each), ...each] as const))('%s is refused', (_, tool, input) => {
  expect(confine(confinement, tool, input)).toMatchObject({ allowed: false });
});

test('a tool that the definition leaves out is refused', () => {
  expect(confine({ root, tools: ['Read'] }, 'mcp__breakglass__ssh', {})).toMatchObject({ allowed: false });
});

test('the permission callback refuses by itself, and a hook outside of a turn refuses everything', async () => {
  const options = processOptions({
    session: newSessionId(),
    resume: false,
    binary: '/bin/false',
    definition: {
      name: 'x',
      description: 'x',
      model: undefined,
      tools: ['Read', 'Grep', 'Glob', 'ssh'],
      prompt: 'x',
    },
    target: 'devvm',
    model: 'sonnet',
    confinement,
    env: {},
    tools: createSdkMcpServer({ name: 'breakglass', tools: [] }),
    exchange: () => undefined,
  });
  const { signal } = new AbortController();
  for (const [tool, input] of REFUSED) {
    const asked = { ...(typeof input === 'object' ? input : {}) };
    const answer = await options.canUseTool?.(tool, asked, { signal, toolUseID: 't', requestId: 'r' });
    expect(answer, name([tool, input])).toMatchObject({ behavior: 'deny' });
  }
  const [matcher] = options.hooks?.PreToolUse ?? [];
  expect(matcher?.onFailure).toBe('block');
  for (const [tool, input] of [...ALLOWED, ...REFUSED]) {
    const base = { session_id: 's', transcript_path: '', cwd: root, permission_mode: 'default' };
    const call = {
      ...base,
      hook_event_name: 'PreToolUse',
      tool_name: tool,
      tool_input: input,
      tool_use_id: 't',
    } as const;
    expect(await matcher?.hooks[0]?.(call, 't', { signal }), name([tool, input])).toMatchObject({
      hookSpecificOutput: { permissionDecision: 'deny' },
    });
  }
});
