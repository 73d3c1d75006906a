// A canary: every limit of Claude Code that could end a call of ours while a person is waited for. It fails when a new version brings
// another one, or when one that we set no longer rules. Then look at process-options.ts before anything else.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { answer, text, toolUse } from '../../lab/model/scripted.ts';
import { runTurn, startRig } from './agent.fixture.ts';
import { BOUNDS } from './bounds.ts';
import { agentEnvironment, claudeBinary, TOOL_LIMIT_MS } from './process-options.ts';

const LIMIT = { timeout: 60_000 };

test('the limits that we set are longer than a question waits and what it approves may run', () => {
  const env = agentEnvironment({
    dirs: { home: '/h', config: '/c', temp: '/t' },
    searchPath: '/bin',
    credentials: {},
    ownerEnv: {},
    bounds: BOUNDS,
  });
  const longestMs = 10 * 60_000 + 15 * 60_000;
  expect(TOOL_LIMIT_MS).toBeGreaterThan(longestMs);
  expect(TOOL_LIMIT_MS).toBeGreaterThan(2 * 60_000 + BOUNDS.verbWaitMs);
  expect(env['MCP_TOOL_TIMEOUT']).toBe(String(TOOL_LIMIT_MS));
  expect(env['CLAUDE_CODE_SDK_MCP_TOOL_IDLE_TIMEOUT']).toBe(String(TOOL_LIMIT_MS));
  expect(env['CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT']).toBe('0');
});

test('Claude Code has no limit on tools that we have not looked at', LIMIT, () => {
  const found = execFileSync(
    'grep',
    [
      '-a',
      '-o',
      '-h',
      '-E',
      '\\b[A-Z][A-Z_]*(TOOL|PERMISSION|DIALOG)[A-Z_]*(TIMEOUT|WAIT|DEADLINE|IDLE)[A-Z_]*\\b',
      claudeBinary(),
    ],
    { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  expect([...new Set(found.trim().split('\n'))].toSorted()).toEqual([
    'CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT',
    'CLAUDE_CODE_PARKED_PERMISSION_WAIT_MS',
    'CLAUDE_CODE_REMOTE_TOOLS_HOST_IDLE_RELEASE_MINUTES',
    'CLAUDE_CODE_SDK_MCP_TOOL_IDLE_TIMEOUT',
    'CLAUDE_CODE_USER_DIALOG_TIMEOUT_MS',
    'DEFAULT_TOOL_CALL_TIMEOUT_MS',
    'MCP_TOOL_TIMEOUT',
  ]);
});

/** One turn with a command that takes three seconds. */
async function slowCall(more: Readonly<Record<string, string>>) {
  const rig = await startRig(
    ({ messages }) =>
      messages.some(({ content }) => content.some(({ type }) => type === 'tool_result'))
        ? answer(text('Done.'))
        : answer(toolUse('mcp__breakglass__ssh', { host: 'devvm', command: 'sleep 3' })),
    { environment: more },
  );
  onTestFinished(() => rig.close());
  rig.guest.answer = async () => {
    await sleep(3_000);
    return { output: 'slept\n' };
  };
  await runTurn(rig.agent, 'wait');
  const { messages } = rig.model.requests.at(-1) ?? { messages: [] };
  return messages.flatMap(({ content }) =>
    content.flatMap((block) => (block.type === 'tool_result' ? [block.text] : [])),
  )[0];
}

test(
  'the limit that we set is the one that rules: a short one ends a call for the model, ours does not',
  LIMIT,
  async () => {
    expect(await slowCall({ MCP_TOOL_TIMEOUT: '1000' })).toMatch(/timed? ?out/i);
    expect(await slowCall({})).toContain('slept');
  },
);
