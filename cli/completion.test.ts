// The completion in a real bash: what Tab would offer.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../test/support/temp-dir.ts';
import { run } from './console.fixture.ts';

/** What is offered for the last of the words. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const { out } = await run(['completion', 'bash']);
  const file = path.join(tempDir(), 'completion.bash');
  writeFileSync(file, out);
  const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _breakglass; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', ask, 'bash', file, 'breakglass', ...words], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, commands of commands, options, and words that are given', async () => {
  expect(await offered('')).toEqual(
    expect.arrayContaining(['status', 'cycle', 'ask', 'doctor', 'report', 'init']),
  );
  expect(await offered('to')).toEqual(['token']);
  expect(await offered('token', 'm')).toEqual(['make']);
  expect(await offered('token', 'make', 'kuma', '--role', '')).toEqual(['operator', 'observer', 'alerts']);
  expect(await offered('cycle', '--d')).toEqual(['--despite-finding']);
  expect(await offered('notify', 'test', 'n')).toEqual(['ntfy']);
  expect(await offered('completion', 'z')).toEqual(['zsh']);
  // A name of a target is no command, and what follows it belongs to the command.
  expect(await offered('status', 'devvm', '--j')).toEqual(['--json']);
});

test('bash says that it completes the command', async () => {
  const { out } = await run(['completion', 'bash']);
  const { stdout } = spawnSync('bash', ['-c', `${out}\ncomplete -p breakglass`], { encoding: 'utf8' });
  expect(stdout).toBe('complete -o default -F _breakglass breakglass\n');
});

test('every command is in the script of each shell', async () => {
  const { out: help } = await run(['--help']);
  const names = Array.from(help.matchAll(/^ {2}([a-z][a-z-]*)(?= |\|)/gm), ([, name = '']) => name);
  expect(names.length).toBeGreaterThan(20);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { out } = await run(['completion', shell]);
    expect(names.filter((name) => !out.includes(name))).toEqual([]);
  }
  expect((await run(['completion', 'csh'])).code).toBe(2);
});
