import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HostOutput, parseResult, parseStatus } from './output.ts';

const RESULT = 'BREAKGLASS-RESULT {"verb":"cycle","exit":0,"vm_state":"running","old_pid":1,"new_pid":2}';

const feedAll = (chunks: readonly string[]): { text: string; sections: string[]; output: HostOutput } => {
  const output = new HostOutput();
  const sections: string[] = [];
  let text = '';
  for (const part of [...chunks.map((chunk) => output.feed(chunk)), output.end()]) {
    text += part.text;
    sections.push(...part.sections);
  }
  return { text, sections, output };
};

const cutAt = (text: string, cuts: readonly number[]): readonly string[] => {
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  return places.slice(1).map((place, n) => text.slice(places[n], place));
};

test('however stdout is cut into chunks, text, sections and result are the same', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '--- forensics (10:00:00Z) ---',
      '---',
      '--- x',
      '--- proof of death ---',
      'BREAK',
      'BREAKGLASS-RESULT',
      '\r',
      '',
    ),
  );
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.boolean(),
      (lines, cuts, last) => {
        const text = `${[...lines, ...(last ? [RESULT] : [])].join('\n')}\n`;
        const whole = feedAll([text]);
        const parts = feedAll(cutAt(text, cuts));
        expect(parts.text).toBe(whole.text);
        expect(parts.sections).toEqual(whole.sections);
        expect(parts.output.result).toEqual(whole.output.result);
        if (last) expect(whole.output.result).toMatchObject({ oldPid: 1, newPid: 2 });
        expect(whole.text.length + (last ? RESULT.length + 1 : 0)).toBeLessThanOrEqual(text.length);
      },
    ),
  );
});

test('a status tells the lock and its task', () => {
  const text = 'status: running\nqmp: answers\nlock: backup\ntask: UPID:lab:0001:vzdump:102:root@pam:\n';
  expect(parseStatus(text, undefined)).toMatchObject({
    vmState: 'running',
    qmp: 'answers',
    lock: 'backup',
    task: 'UPID:lab:0001:vzdump:102:root@pam:',
  });
});

test('a line in progress is shown before it ends, unless it may become a mark', () => {
  const output = new HostOutput();
  expect(output.feed('waiting .').text).toBe('waiting .');
  expect(output.feed('. done\n--- st').text).toBe('. done\n');
  expect(output.feed('op (10:00:00Z) ---\n')).toEqual({
    text: '--- stop (10:00:00Z) ---\n',
    sections: ['stop'],
  });
  expect(output.feed('BREAKGLASS-RES').text).toBe('');
  expect(output.feed('ORT\n').text).toBe('BREAKGLASS-RESORT\n');
});

test('nothing that claims to be a result line breaks the parser', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (json) => {
      const parsed = parseResult(json);
      for (const field of Object.values(parsed ?? {}))
        expect(['string', 'number', 'undefined']).toContain(typeof field);
    }),
  );
  expect(parseResult('{"exit":"0","old_pid":1.5,"vm_state":""}')).toMatchObject({
    exit: undefined,
    oldPid: undefined,
    vmState: undefined,
  });
});

test("status is read from the host script's lines and from qm's own verbose form", () => {
  const ours = parseStatus(
    'status: running\nqmp: silent\npid: 77\nuptime: 12 s\nbusy: cycle by a since b (1 s)\n',
    undefined,
  );
  expect(ours).toEqual({
    vmState: 'running',
    qmp: 'silent',
    pid: 77,
    uptimeS: 12,
    busy: 'cycle by a since b (1 s)',
  });
  const verbose = parseStatus(
    'diskread: 1\n\tqmpstatus: io-error\nrunning-qemu: 9.2\nstatus: running\nuptime: 5\n',
    undefined,
  );
  expect(verbose).toMatchObject({ vmState: 'io-error', qmp: 'answers', uptimeS: 5 });
  expect(parseStatus('no idea', undefined)).toBeUndefined();
});
