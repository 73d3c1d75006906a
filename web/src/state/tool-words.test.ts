import { describe, expect, it } from 'vitest';
import { isGoodLook, lookName, toolEnd, toolFace, toolOutput } from './tool-words.ts';
import type { ToolItem, ToolResult } from './transcript.ts';

const item = (
  input: Record<string, unknown>,
  result: Partial<ToolResult> | null = null,
  name = 'ssh',
): ToolItem => ({
  kind: 'tool',
  key: 1,
  at: '',
  callId: 't',
  name,
  input,
  live: '',
  abandoned: false,
  question: null,
  operationId: null,
  session: 's',
  result: result && {
    isError: false,
    output: '',
    truncated: false,
    exitCode: null,
    ended: 'exited',
    farSide: undefined,
    durationMs: 2_000,
    ...result,
  },
});

describe('toolFace', () => {
  it('names the machine and the account', () => {
    expect(toolFace(item({ command: 'ssh devvm df -h', account: 'observer' }))).toEqual({
      badge: 'devvm',
      account: 'observer',
      command: 'df -h',
      isCommand: true,
    });
  });

  it('shows reading a runbook as that', () => {
    expect(toolFace(item({ file_path: '/k/disk.md' }, null, 'Read'))).toMatchObject({
      badge: 'runbooks',
      command: 'Read /k/disk.md',
    });
  });
});

describe('toolEnd', () => {
  it('is running until a result comes', () => {
    expect(toolEnd(item({})).tone).toBe('running');
    expect(toolEnd({ ...item({}), abandoned: true })).toMatchObject({ tone: 'unknown', text: 'no result' });
  });

  it('tells the exit code', () => {
    expect(toolEnd(item({}, { exitCode: 0 }))).toMatchObject({ tone: 'good', text: 'exit 0', took: '2.0 s' });
    expect(toolEnd(item({}, { exitCode: 3, isError: true })).tone).toBe('bad');
  });

  it('says of a command in the VM that may go on that it may, and only of that', () => {
    const goesOn = 'It may still run in the VM.';
    expect(toolEnd(item({}, { ended: 'stopped', farSide: 'unproven' })).doubt).toBe(goesOn);
    expect(toolEnd(item({}, { ended: 'connection_lost' })).doubt).toBe(goesOn);
    for (const over of [{ farSide: 'proven' }, { farSide: undefined }] as const)
      expect(toolEnd(item({}, { ended: 'stopped', ...over })).doubt).toBe('');
    expect(toolEnd(item({}, { ended: 'connection_lost', farSide: 'proven' })).doubt).toBe('');
  });
});

it('a call that waits for a person says so, and is not called running', () => {
  const question = { approvalId: 'q', answer: null, by: '', reason: undefined };
  expect(toolEnd({ ...item({}), question })).toMatchObject({ tone: 'waiting', text: 'waits for an answer' });
  const answered = { ...question, answer: 'approved', by: 'ann' } as const;
  expect(toolEnd({ ...item({}), question: answered }).tone).toBe('running');
});

describe('toolOutput', () => {
  const ended = (how: ToolResult['ended'], output: string) => toolOutput(item({}, { ended: how, output }));

  it('does not say again what the card says', () => {
    const unproven = 'It may still run in the VM: that could not be proven.';
    expect(ended('stopped', `line\n[stopped after 2.0 s. ${unproven}]`)).toBe('line');
    expect(
      ended('stopped', 'Stopped. Its end could not be confirmed in time: it may still run in the VM.'),
    ).toBe('');
    expect(ended('timed_out', '[timed out after 120.0 s. It is gone in the VM.]')).toBe('');
    expect(
      ended('connection_lost', `[the connection was lost after 2.0 s: reset by peer. ${unproven}]`),
    ).toBe('[the connection was lost after 2.0 s: reset by peer.]');
  });

  it('keeps what only the output says, and what a command printed', () => {
    expect(ended('unreachable', '[devvm is unreachable over SSH after 5.0 s: no banner]')).toContain(
      'no banner',
    );
    expect(ended('exited', '[stopped after 2.0 s.]')).toBe('[stopped after 2.0 s.]');
  });
});

describe('a look', () => {
  const good = { exitCode: 0 };
  it('is what could only read and went well', () => {
    expect(isGoodLook(item({ command: 'ssh devvm df -h', account: 'observer' }, good))).toBe(true);
    expect(isGoodLook(item({ file_path: '/k/disk.md' }, {}, 'Read'))).toBe(true);
    expect(isGoodLook(item({}, {}, 'mcp__breakglass__triage'))).toBe(true);
  });

  it('is not what may have changed something, failed, runs, was cut, or leaves a doubt', () => {
    const observer = { command: 'ssh devvm df', account: 'observer' };
    expect(isGoodLook(item({ ...observer, account: 'repair' }, good))).toBe(false);
    expect(isGoodLook(item({ command: 'ssh pve cycle' }, good))).toBe(false);
    expect(isGoodLook(item(observer, { exitCode: 1 }))).toBe(false);
    expect(isGoodLook(item(observer))).toBe(false);
    expect(isGoodLook(item(observer, { ...good, truncated: true }))).toBe(false);
    expect(isGoodLook(item(observer, { ...good, farSide: 'unproven' }))).toBe(false);
  });

  it('is named by its program', () => {
    const named = (command: string) => lookName(item({ command: `ssh devvm ${command}` }));
    expect(named('df -h | tail -3')).toBe('df');
    expect(named('LC_ALL=C sudo -n /usr/bin/journalctl -k')).toBe('journalctl');
    expect(lookName(item({ file_path: '/k/disk.md' }, {}, 'Read'))).toBe('disk.md');
  });
});
