import { expect, it } from 'vitest';
import { remedyParts } from './remedy-parts.ts';

it('a command stands by itself, and the words around it stay', () => {
  expect(
    remedyParts('On the power host: `breakglass-host install --key console.pub`. Then check again.'),
  ).toEqual([
    { kind: 'words', text: 'On the power host: ' },
    { kind: 'command', text: 'breakglass-host install --key console.pub' },
    { kind: 'words', text: 'Then check again.' },
  ]);
});

it('a name and a line of configuration stay in the sentence', () => {
  const remedy = 'Set `BREAKGLASS_SSH_KEY` (nginx: `proxy_read_timeout 1h`), then `proxy_buffering off;`.';
  expect(remedyParts(remedy).map(({ kind }) => kind)).toEqual([
    'words',
    'code',
    'words',
    'code',
    'words',
    'code',
    'words',
  ]);
  expect(
    remedyParts(remedy)
      .map(({ text }) => text)
      .join(''),
  ).toBe(remedy.replaceAll('`', ''));
});

it('words without a command, or with one backtick, are left as they are', () => {
  expect(remedyParts('Free space.')).toEqual([{ kind: 'words', text: 'Free space.' }]);
  expect(remedyParts('It printed ` and ended.')).toEqual([
    { kind: 'words', text: 'It printed ` and ended.' },
  ]);
});

it('of a command of several lines nothing is lost', () => {
  expect(remedyParts('`umask 077\nssh-keygen -t ed25519`')).toEqual([
    { kind: 'command', text: 'umask 077\nssh-keygen -t ed25519' },
  ]);
});
