// How a turn and a question of the agent look at a terminal, where what was written is hostile.
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { Approval } from '../protocol/approvals.ts';
import { JournaledBody, type WireEvent } from '../protocol/events.ts';
import { json, problem, run, smallConsole, typist } from './console.fixture.ts';
import type { Room } from './surroundings.ts';
import { TurnPrinter } from './turn-printer.ts';

const SESSION = '0b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f';
const TURN = '1b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f';
const QUESTION = '2b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f';
const HIDDEN = 'rm -rf /tmp/x \u202E# on si\u200B\u001B[2K\u001B[1A';

const question = (command: string): Approval =>
  Approval.parse({
    approval_id: QUESTION,
    session_id: SESSION,
    target: 'devvm',
    asked: { account: 'repair', input: { host: 'devvm', command, stdin: 'a\nquestion 1, good' } },
    said: 'Only a look.\nApprove? y or n: y',
    binding: 'x',
    at: '2026-11-27T02:00:00.000Z',
    expires_at: '2026-11-27T02:10:00.000Z',
    observer: true,
  }) as Approval;

let lastId = 0;
const event = (body: object): string => {
  lastId += 1;
  const stamped = {
    ...JournaledBody.parse(body),
    id: lastId,
    at: '2026-11-27T02:00:00.000Z',
    v: 1,
    actor: { type: 'agent', name: 'claude' },
    target: 'devvm',
    session_id: SESSION,
    turn_id: TURN,
  };
  return `id: ${lastId}\ndata: ${JSON.stringify(stamped)}\n\n`;
};
const CAUGHT_UP = 'event: caught-up\ndata: {}\n\n';
const user = () => event({ kind: 'user', text: 'Look.' });
const over = (is_error = false) =>
  event({ kind: 'result', is_error, result: 'x', duration_ms: 1 }) + event({ kind: 'turn_end' });

/**
 * A session whose events come in these parts: each connection gets a part more, from behind its Last-Event-ID, and one that is not the
 * last breaks off.
 */
async function session(...parts: readonly string[]) {
  const resumed: number[] = [];
  const small = await smallConsole({
    'POST /api/session': json({ session_id: SESSION }),
    [`GET /api/session/${SESSION}/stream`]: (response: ServerResponse, { headers }) => {
      const after = Number(headers['last-event-id']);
      resumed.push(after);
      const frames = parts
        .slice(0, resumed.length)
        .join('')
        .split(/(?<=\n\n)/);
      const missed = frames.filter((each) => !(Number(/^id: (\d+)/.exec(each)?.[1]) <= after));
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(missed.join(''));
      if (resumed.length < parts.length) setTimeout(() => response.destroy(), 50);
    },
    [`POST /api/session/${SESSION}/prompt`]: json({ status: 'started' }),
    [`POST /api/session/${SESSION}/approvals/${QUESTION}`]: json({
      approval_id: QUESTION,
      answer: 'approved',
      by: 'anna',
      at: '2026-11-27T02:00:00.000Z',
    }),
    'GET /api/approvals': json({ approvals: [question(HIDDEN)] }),
  });
  return { ...small, resumed };
}
const requested = () => {
  const { session_id: _, target: __, at: ___, ...rest } = question(HIDDEN);
  return event({ kind: 'approval_requested', tool_call_id: 'c', ...rest });
};

test('prose goes to stdout and what the agent does to stderr; a broken stream goes on where it was', async () => {
  const first = CAUGHT_UP + user() + event({ kind: 'text', text: 'The disk\u001B[31m is full.' });
  const { url, resumed } = await session(
    first,
    CAUGHT_UP +
      event({ kind: 'tool', name: 'ssh', input: { command: 'ssh devvm df' }, tool_call_id: 'c' }) +
      over(),
  );
  const { code, out, err } = await run(['ask', 'Look.', '--url', url]);
  expect([code, out]).toEqual([0, 'The disk⟨\\e⟩[31m is full.']);
  expect(err).toContain('$ ssh devvm df');
  expect(err).toContain('attaching again');
  expect(resumed).toHaveLength(2);
});

test('what had happened in a session before is not told again', async () => {
  const old = user() + event({ kind: 'text', text: 'Old.' }) + over();
  const { url } = await session(old + CAUGHT_UP + user() + event({ kind: 'text', text: 'New.' }) + over());
  expect((await run(['ask', 'Look.', '--session', SESSION, '--url', url])).out).toBe('New.');
});

test('a question is shown whole with stand-ins for what cannot be seen, and no line of it looks like ours', async () => {
  const { url, asked } = await session(CAUGHT_UP + user() + requested() + over());
  const person = typist('', 'maybe', 'y');
  const { err } = await run(['ask', 'Look.', '--url', url], {}, { terminal: person.terminal });
  expect(err).toContain(
    'as repair, who is root there:\n  | rm -rf /tmp/x ⟨U+202E⟩# on si⟨U+200B⟩⟨\\e⟩[2K⟨\\e⟩[1A\n',
  );
  expect(err).toContain('\n  | question 1, good\n');
  expect(err).toContain('\n  | Approve? y or n: y\n');
  expect(asked.filter(({ route }) => route.includes('/approvals/')).length).toBeLessThanOrEqual(1);
});

test.each<[string, readonly string[], readonly string[], object]>([
  ['y is typed', [], ['y'], { answer: 'approve' }],
  ['n and a sentence are typed', [], ['n', 'Not now.'], { answer: 'deny', reason: 'Not now.' }],
  ['nothing clear is typed before n', [], ['', 'sure', 'N', ''], { answer: 'deny' }],
  [
    '--deny-all is given',
    ['--deny-all'],
    ['y'],
    { answer: 'deny', reason: expect.stringContaining('--deny-all') },
  ],
])('where %s, that is the answer; a second Ctrl-C leaves the turn', async (_what, options, typed, answer) => {
  const { url, asked } = await session(CAUGHT_UP + user() + requested());
  let interrupt = (): void => {};
  const { code } = await run(
    ['ask', 'Look.', ...options, '--url', url],
    {},
    {
      terminal: typist(...typed).terminal,
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => {};
      },
      writeTalk: (text) => {
        // The turn of this console never ends.
        if (text.startsWith('approved by')) for (const _ of [1, 2]) interrupt();
      },
    },
  );
  expect(code).toBe(130);
  expect(asked.find(({ route }) => route.includes('/approvals/'))?.body).toEqual(answer);
});

test('a line that is wider than the terminal does not go on where our lines begin', async () => {
  const { url } = await smallConsole({
    'GET /api/approvals': json({
      approvals: [question(`rm -rf /srv #${' '.repeat(50)}The agent asks to run this: 修修修`)],
    }),
  });
  const { err } = await run(['approve', '2b6f', '--url', url], {}, { columns: () => 40 });
  const lines = err.split('\n');
  const asks = lines.findIndex((line) => line.startsWith('The agent asks'));
  expect(lines.slice(asks).filter((line) => line.startsWith('The agent'))).toHaveLength(1);
  expect(lines.find((line) => line.includes('  : ') && line.includes('修'))).toBeDefined();
  const block = lines.filter((line) => /^ {2}[|:] /.test(line));
  for (const line of block) expect(line.length).toBeLessThan(40);
  // What would run stands below what is said about it.
  expect(asks).toBeGreaterThan(lines.findIndex((line) => line.startsWith('The agent says')));
});

test('nothing is written below a question until it is answered', async () => {
  const output = event({
    kind: 'tool_result',
    tool_call_id: 'd',
    name: 'ssh',
    truncated: false,
    is_error: false,
    output: 'Approve? y or n: y',
    duration_ms: 1,
  });
  const { url } = await session(CAUGHT_UP + user() + requested() + output);
  const screen: string[] = [];
  let interrupt = (): void => {};
  const terminal = {
    async ask(text: string) {
      screen.push(text);
      // The console sent it together with the question.
      await new Promise((resolve) => setTimeout(resolve, 100));
      screen.push('answered');
      return 'y';
    },
  };
  await run(
    ['ask', 'Look.', '--url', url],
    {},
    {
      terminal: () => terminal,
      onInterrupt: (listener) => {
        interrupt = listener;
        return () => {};
      },
      writeTalk: (text) => {
        screen.push(text);
        if (text.startsWith('approved by')) for (const _ of [1, 2]) interrupt();
      },
    },
  );
  const asked = screen.indexOf('Approve? y or n: ');
  expect(screen.slice(asked, asked + 3)).toEqual(['Approve? y or n: ', 'answered', '  Approve? y or n: y\n']);
});

test('--json gives each event as one line that a program reads as it was', async () => {
  const text = 'a\u200Bb\u001B[2K\u202E\u2800c';
  const { url } = await session(CAUGHT_UP + user() + event({ kind: 'text', text }) + over());
  const { out } = await run(['ask', 'Look.', '--json', '--url', url]);
  const events = out.split('\n').map((line) => JSON.parse(line) as { text?: string });
  expect(events.map((each) => each.text)).toContain(text);
  expect(out).not.toMatch(/[\u200B\u202E\u2800]/);
});

test('without a terminal a question waits', async () => {
  const { url, asked } = await session(CAUGHT_UP + user() + requested() + over());
  const { err } = await run(['ask', 'Look.', '--url', url]);
  expect(err).toContain(`It waits: breakglass approve ${QUESTION}`);
  expect(asked.some(({ route }) => route.includes('/approvals/'))).toBe(false);
});

test('a turn that ends with an error, or does not begin, is exit code 1', async () => {
  const { url } = await session(CAUGHT_UP + user() + over(true));
  expect((await run(['ask', 'Look.', '--url', url])).code).toBe(1);
  const busy = await smallConsole({
    [`GET /api/session/${SESSION}/stream`]: (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(CAUGHT_UP);
    },
    [`POST /api/session/${SESSION}/prompt`]: problem(409, 'turn-running', 'A turn runs.'),
  });
  const { code, err } = await run(['ask', 'Look.', '--session', SESSION, '--url', busy.url]);
  expect([code, err]).toEqual([1, expect.stringContaining('breakglass: A turn runs.')]);
});

test('approve lists what waits, shows it whole, and needs a person or --yes; a denial needs neither', async () => {
  const { url, asked } = await session();
  const answers = () => asked.filter(({ route }) => route.includes('/approvals/')).map(({ body }) => body);
  const list = await run(['approve', '--url', url]);
  expect(list.out).toContain('2b6f7a3e  devvm   repair  02:10:00Z   rm -rf /tmp/x ⟨U+202E⟩');
  expect((await run(['approve', '2b6f', '--url', url])).code).toBe(2);
  for (const typed of ['', 'n', 'yes please'])
    expect(
      (await run(['approve', '2b6f', '--url', url], {}, { terminal: typist(typed).terminal })).code,
    ).toBe(1);
  expect((await run(['approve', 'ffff', '--url', url])).code).toBe(1);
  expect((await run(['approve', '--yes', '--url', url])).code).toBe(2);
  expect((await run(['approve', '', '--yes', '--url', url])).code).toBe(2);
  expect(answers()).toEqual([]);
  const shown = await run(['approve', '2b6f', '--yes', '--url', url]);
  expect([shown.code, shown.err]).toEqual([0, expect.stringContaining('  | rm -rf /tmp/x ⟨U+202E⟩')]);
  await run(['approve', QUESTION, '--deny', '--reason', 'No.', '--url', url]);
  expect(answers()).toEqual([{ answer: 'approve' }, { answer: 'deny', reason: 'No.' }]);
});

test('text that is written piece by piece is on the screen once, also when it begins again', () => {
  const out: string[] = [];
  const room: Pick<Room, 'write' | 'talk'> = {
    write: (text) => out.push(text),
    talk: (line) => out.push(`[${line}]`),
  };
  const printer = new TurnPrinter(room);
  const delta = (text: string, snapshot?: true) =>
    printer.take({ kind: 'text_delta', text, ...(snapshot === undefined ? {} : { snapshot }) } as WireEvent);
  delta('It ');
  delta('hangs');
  delta('It hangs', true);
  delta('.');
  printer.take({ kind: 'text', text: 'It hangs.' } as WireEvent);
  delta('No');
  delta('Again', true);
  printer.take({ kind: 'text', text: 'Again.\n' } as WireEvent);
  expect(out.join('')).toBe('It hangs.\nNo\nAgain.\n');
});
