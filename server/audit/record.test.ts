import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JournaledBody as Bodies, type JournalEvent, type JournaledBody } from '../../protocol/events.ts';
import { eventId, newSessionId, newTurnId, type TargetName } from '../../protocol/ids.ts';
import { AUDITED_KINDS, type AuditRecord, auditRecord } from './record.ts';
import { syslogFrames } from './syslog-message.ts';

const actor = { type: 'agent', name: 'claude' } as const;
const stamp = { id: eventId(7), at: '2026-11-27T12:00:00.000Z', v: 1, actor } as const;
const of = (body: JournaledBody): AuditRecord | undefined =>
  auditRecord({ ...body, ...stamp } as JournalEvent);
const call = { name: 'ssh', tool_call_id: 'toolu_1' as never };

test('every kind that can be journaled is decided about, and what is left out is what the agent says and a verb prints', () => {
  const all = Bodies.options.map((option) => option.shape.kind.value);
  expect(all.filter((kind) => !AUDITED_KINDS.includes(kind)).toSorted()).toEqual(
    ['error', 'power_output', 'power_step', 'result', 'session', 'text', 'turn_end', 'usage'].toSorted(),
  );
});

test('a command is whole with where it belongs; of its output only the size and the digest leave', () => {
  const [session_id, turn_id, target] = [newSessionId(), newTurnId(), 'devvm' as TargetName];
  const input = { command: `rm -rf ${'x'.repeat(50_000)}`, host: 'devvm' };
  expect(auditRecord({ kind: 'tool', ...call, input, session_id, turn_id, target, ...stamp })).toEqual({
    key: '7@2026-11-27T12:00:00.000Z',
    id: 7,
    at: stamp.at,
    actor,
    target,
    session_id,
    turn_id,
    event: 'command',
    tool: 'ssh',
    tool_call_id: 'toolu_1',
    input,
  });
  const output = 'the secret of the VM: äöü';
  const ended = of({
    kind: 'tool_result',
    ...call,
    is_error: false,
    output,
    truncated: false,
    duration_ms: 5,
    exit_code: 0,
  });
  expect(ended).toMatchObject({
    event: 'command-ended',
    exit_code: 0,
    output_bytes: 28,
    output_sha256: createHash('sha256').update(output).digest('hex'),
  });
  expect(JSON.stringify(ended)).not.toContain('secret');
});

test('what a verb printed stays here; its outcome and exit code leave', () => {
  const result = { verb: 'cycle', exit_code: 3, stdout: 'raw', stderr: 'raw', rejected: false };
  const ended = of({
    kind: 'power_finished',
    verb: 'cycle',
    state: 'failed',
    result,
    steps: [],
    outcome: { summary: 'It did not start.' },
  });
  expect(ended).toMatchObject({
    event: 'verb-ended',
    exit_code: 3,
    outcome: { summary: 'It did not start.' },
  });
  expect(JSON.stringify(ended)).not.toContain('raw');
});

/** As a receiver takes octet-counted frames apart. */
function messagesIn(frames: Buffer): string[] {
  const messages: string[] = [];
  let rest = frames.toString('latin1');
  while (rest !== '') {
    const [counted = '', length = ''] = /^(\d+) /.exec(rest) ?? [];
    if (counted === '') throw new Error(`no frame begins here: ${JSON.stringify(rest.slice(0, 40))}`);
    messages.push(rest.slice(counted.length, counted.length + Number(length)));
    rest = rest.slice(counted.length + Number(length));
  }
  return messages;
}
const MESSAGE =
  /^<10[89]>1 2026-11-27T12:00:00\.000Z [\x21-\x7e]{1,255} breakglass 42 [\x21-\x7e]{1,32} \[breakglass@32473(?: [a-z0-9]+="(?:[^"\\\]]|\\["\\\]])*")+\] (?<text>[\x20-\x7e]*)$/;

test('whatever a text or a name contains, it stays within its message, and the record is read back as it was', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom(
        '"',
        ']',
        '\\',
        '\n',
        '\u001b',
        '\u202e',
        '\0',
        '\u2028',
        '9',
        ' ',
        '<',
        '😀',
        '\ud800',
      ),
    }),
  );
  fc.assert(
    fc.property(nasty, nasty, nasty, fc.nat({ max: 30_000 }), (text, name, hostname, length) => {
      const record = auditRecord({
        kind: 'user',
        text: text + '\u202e]'.repeat(length),
        ...stamp,
        actor: { type: 'operator', name },
      });
      if (record === undefined) throw new Error('a prompt is audited');
      const messages = messagesIn(syslogFrames(record, { hostname, pid: 42 }));
      const texts = messages.map((message) => {
        expect(message.length).toBeLessThanOrEqual(8_192);
        expect(message).toMatch(MESSAGE);
        return MESSAGE.exec(message)?.groups?.['text'];
      });
      expect(JSON.parse(texts.join(''))).toEqual(JSON.parse(JSON.stringify(record)));
    }),
    { numRuns: 200 },
  );
});
