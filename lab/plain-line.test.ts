import pino from 'pino';
import { expect, test } from 'vitest';
import { plainLine } from './plain-line.ts';

/** What pino really writes. */
function logged(write: (logger: pino.Logger) => void): string {
  let text = '';
  write(
    pino(
      { level: 'info' },
      {
        write: (line: string) => {
          text += line;
        },
      },
    ),
  );
  return text.trimEnd();
}

test('a line of the log is a sentence, with the reason where there is one', () => {
  expect(plainLine(logged((log) => log.warn('There is no key.')))).toBe(
    'lab: the console warns: There is no key.',
  );
  expect(plainLine(logged((log) => log.error({ err: new Error('EACCES') }, 'it cannot be written')))).toBe(
    'lab: the console reports an error: it cannot be written: EACCES',
  );
  expect(plainLine(logged((log) => log.error(new Error('alone'))))).toBe(
    'lab: the console reports an error: alone',
  );
});

test.each(['plain text', '{', '{"level":40}', '{not json}', ''])(
  '%j is no log line and stays as it is',
  (line) => {
    expect(plainLine(line)).toBe(line);
  },
);
