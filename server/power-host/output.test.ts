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

test('text, sections and result are the same, however stdout is cut into chunks', () => {
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

test('a status names the lock and its task', () => {
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
  expect(output.feed('orts are open\n').text).toBe('BREAKGLASS-RESorts are open\n');
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

const CLOSING = '{"verb":"status","exit":0,"vm":102,"vm_state":"running","qmp":"answers"}';
const ANSWER = 'status: running\nqmp: answers\npid: 4242\nuptime: 90 s\nlock: backup\n';

/** As it streams: the lines for programs are taken out of the text, and the answer begins behind the mark. */
const statusOf = (text: string) => {
  const output = new HostOutput();
  const shown = output.feed(text).text + output.end().text;
  return parseStatus(shown.slice(output.answerFrom), output.result);
};

test('what greets people before the answer changes nothing of it, whatever it looks like', () => {
  const plain = statusOf(`${ANSWER}BREAKGLASS-RESULT ${CLOSING}\n`);
  expect(plain).toMatchObject({
    vmState: 'running',
    pid: 4242,
    uptimeS: 90,
    lock: 'backup',
    busy: undefined,
    vm: 102,
  });
  const greetings = [
    'uptime: 12 days\n status: OK\nbusy: 3 users\n',
    'status: degraded\nlock: snapshot\nbusy: cycle by somebody\nvm: 103\ntask: UPID:x\n',
    'status: stopped\nqmp: silent\npid: 1\n',
    '\tqmp: silent\n',
    '--- forensics (10:00:00Z) ---\n',
    '\r\n\r\nWillkommen\r\n',
  ];
  for (const greeting of greetings)
    for (const mark of ['', 'BREAKGLASS-BEGIN status\n'])
      expect(statusOf(`${greeting}${mark}${ANSWER}BREAKGLASS-RESULT ${CLOSING}\n`), greeting + mark).toEqual(
        plain,
      );
  const line = fc.oneof(
    fc.string(),
    fc.constantFrom('status: x', 'busy: x', 'vm: 7', 'lock: y', 'uptime: 1'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      // A line that is one of ours, or of qm's, is another answer, and not a greeting.
      fc.pre(!lines.some((each) => /BREAKGLASS-|qmpstatus|running-qemu/.test(each)));
      const greeting = lines.map((each) => `${each}\n`).join('');
      expect(statusOf(`${greeting}${ANSWER}BREAKGLASS-RESULT ${CLOSING}\n`)).toEqual(plain);
    }),
  );
});

test('of two answers the last counts', () => {
  const stopped = 'status: stopped\nBREAKGLASS-RESULT {"exit":0,"vm_state":"stopped","qmp":null}\n';
  expect(statusOf(`${ANSWER}BREAKGLASS-RESULT ${CLOSING}\n${stopped}`)).toMatchObject({
    vmState: 'stopped',
    pid: undefined,
    lock: undefined,
  });
});

// Quadratic reading would not end within the test's limit.
test('a status is read in time proportional to its length', () => {
  for (const filler of ['\n', ' ', 'status: ', ' status:\n', 'a: b\n'])
    parseStatus(filler.repeat(1_000_000 / filler.length), undefined);
});

test('lines for programs are not shown: the mark, a limit, and what we do not know; a limit is read, however the line is cut', () => {
  const text =
    'Welcome to pve1\nBREAKGLASS-BEGIN start\n--- startable ---\nBREAKGLASS-LIMIT {"verb":"start","vm":102,"seconds":365}\nBREAKGLASS-TOMORROW x\nstarting\n';
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 8 }), (cuts) => {
      const read = feedAll(cutAt(text, cuts));
      expect(read.text).toBe('Welcome to pve1\n--- startable ---\nstarting\n');
      expect(read.output.limitS).toBe(365);
      expect(read.text.slice(read.output.answerFrom)).toBe('--- startable ---\nstarting\n');
    }),
  );
});

test.each(['', '{}', '{"seconds":"9"}', '{"seconds":-1}', '{"seconds":1e9}', 'null', 'x'])(
  'a limit that makes no sense (%s) is none',
  (json) => {
    const { output, text } = feedAll([`BREAKGLASS-LIMIT ${json}\n`]);
    expect(output.limitS).toBeUndefined();
    expect(text).toBe('');
  },
);
