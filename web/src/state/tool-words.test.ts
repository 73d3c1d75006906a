import { describe, expect, it } from 'vitest';
import { toolEnd, toolFace } from './tool-words.ts';
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
      command: 'ssh devvm df -h',
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
    expect(toolEnd(item({}, { exitCode: 0 }))).toMatchObject({ tone: 'good', text: 'exit 0, 2.0 s' });
    expect(toolEnd(item({}, { exitCode: 3, isError: true })).tone).toBe('bad');
  });

  it('says when it could not be proven that a stopped command ended', () => {
    expect(toolEnd(item({}, { ended: 'stopped', farSide: 'unproven' })).doubt).toMatch(/^Could not prove/);
    expect(toolEnd(item({}, { ended: 'stopped', farSide: 'proven' })).doubt).toBe('');
    expect(toolEnd(item({}, { ended: 'connection_lost' })).doubt).toBe('The command may still run.');
  });
});

it('a call that waits for a person says so, and is not called running', () => {
  const question = { approvalId: 'q', answer: null, by: '', reason: undefined };
  expect(toolEnd({ ...item({}), question })).toMatchObject({ tone: 'waiting', text: 'waits for an answer' });
  const answered = { ...question, answer: 'approved', by: 'ann' } as const;
  expect(toolEnd({ ...item({}), question: answered }).tone).toBe('running');
});
