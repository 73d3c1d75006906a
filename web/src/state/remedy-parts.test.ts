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

it.each([
  ['chmod 600 /etc/breakglass/key', 'chmod 600 /etc/breakglass/key'],
  ['In the VM: usermod -s /bin/bash ana', 'usermod -s /bin/bash ana'],
  [
    "In the VM, as root: host/install-vm --from X. By hand: echo 'ana ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/b",
    "echo 'ana ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/b",
  ],
  [
    'By hand, in the account\'s authorized_keys: command="/usr/local/lib/p 102",restrict ssh-ed25519 AAAA',
    'command="/usr/local/lib/p 102",restrict ssh-ed25519 AAAA',
  ],
])('a command at the end that nothing marks is found: %s', (remedy, command) => {
  const parts = remedyParts(remedy);
  expect(parts.at(-1)).toEqual({ kind: 'command', text: command });
  expect(parts.map(({ text }) => text).join('')).toBe(remedy);
});

it.each([
  'In the VM: date +%s must print a number.',
  'Look at its address. If the machine itself is down: docs/runbook.md, the cold case.',
  'Write its address in place of the name: 10.0.0.2',
  'In the VM: uptime, and what hangs (ps -eo state,pid,cmd | grep ^D).',
  'Change what the sentence names, and restart.',
])('a sentence is no command: %s', (remedy) => {
  expect(remedyParts(remedy)).toEqual([{ kind: 'words', text: remedy }]);
});
