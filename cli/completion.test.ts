// The completion in a real bash, zsh and fish: what Tab would offer.
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tempDir } from '../test/support/temp-dir.ts';
import { json, run, smallConsole } from './console.fixture.ts';

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

/** Names as a console gives them, and what a hostile one would have a shell run. */
const NAMES = [{ name: 'devvm' }, { name: 'devbox' }, { name: 'other' }, { name: '$(touch pwned)' }];

/** The command on the PATH of a shell, which this process must not wait for: the console is in it. */
async function inShell(shell: string, script: string): Promise<string[]> {
  const dir = tempDir();
  const command = path.join(dir, 'breakglass');
  const entry = path.join(import.meta.dirname, 'breakglass.ts');
  // A machine that has other work may need longer than a person waits.
  const patient = `for last; do :; done; [ "$last" != __targets ] || set -- "$@" 40000`;
  writeFileSync(command, `#!/bin/sh\n${patient}\nexec '${process.execPath}' '${entry}' "$@"\n`);
  chmodSync(command, 0o755);
  const { out } = await run(['completion', shell]);
  const sourced = path.join(dir, 'completion');
  writeFileSync(sourced, out);
  const { stdout, stderr } = await promisify(execFile)(
    shell,
    [...(shell === 'zsh' ? ['-f'] : []), '-c', script.replaceAll('SOURCED', sourced)],
    {
      cwd: dir,
      env: {
        PATH: `${dir}:${process.env['PATH']}`,
        HOME: dir,
        BREAKGLASS_ENVIRONMENT: '/does/not/exist',
        TERM: 'dumb',
      },
      timeout: 40_000,
    },
  );
  expect([stderr, readdirSync(dir)]).toEqual(['', expect.not.arrayContaining(['pwned'])]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** As bash splits a line into words: also at the colons of an address. */
const bashAsks = (line: string): string => `source SOURCED
COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=(${line.replaceAll(':', ' : ').replace(/ $/, " ''")})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _breakglass; printf '%s\\n' "\${COMPREPLY[@]}"`;

test('bash and fish complete the names of targets, from the console that the line names', async () => {
  const { url } = await smallConsole({ 'GET /api/me': json({ targets: NAMES }) });
  const console = `breakglass --url ${url}`;
  expect(await inShell('bash', bashAsks(`${console} status dev`))).toEqual(['devvm', 'devbox']);
  expect(await inShell('bash', bashAsks(`${console} report --target o`))).toEqual(['other']);
  expect(await inShell('bash', bashAsks(`${console} notify test `))).toEqual(['push', 'ntfy', 'webhook']);
  const fish = (line: string) => `source SOURCED; complete -C '${line}' | cut -f 1`;
  expect((await inShell('fish', fish(`${console} status dev`))).sort()).toEqual(['devbox', 'devvm']);
  expect(await inShell('fish', fish(`${console} report --target o`))).toEqual(['other']);
}, 120_000);

test('zsh completes commands, options and the names of targets at a real prompt', async () => {
  const { url } = await smallConsole({ 'GET /api/me': json({ targets: NAMES }) });
  const typed = (line: string, until: string) =>
    `zpty -w -n shell $'${line}\\t'\nzpty -r shell seen '*${until}*'\nprint -r -- $seen\nzpty -w -n shell $'\\x15'`;
  const seen = await inShell(
    'zsh',
    [
      'zmodload zsh/zpty',
      'zpty shell zsh -f -i',
      // What is typed is echoed, so it does not hold the word that is waited for.
      `zpty -w shell "source SOURCED; echo rea''dy"`,
      `zpty -r shell seen '*ready*'`,
      typed('breakglass tok', 'breakglass token '),
      typed('breakglass cycle --desp', 'cycle --despite-finding '),
      typed(`breakglass --url ${url} status oth`, 'status other '),
      'zpty -d shell',
    ].join('\n'),
  );
  expect(seen.join('\n')).toContain(`--url ${url} status other`);
}, 120_000);

test('no console, one that refuses and one that takes long offer no name and say nothing', async () => {
  const refusing = await smallConsole({});
  const hanging = await smallConsole({ 'GET /api/me': () => {} });
  for (const url of ['http://127.0.0.1:9', refusing.url, hanging.url])
    expect(await run(['--url', url, '__targets'], { BREAKGLASS_TOKEN: 'a-token' })).toEqual({
      code: 0,
      out: '',
      err: '',
    });
  expect(await inShell('bash', bashAsks('breakglass --url http://127.0.0.1:9 status dev'))).toEqual([]);
});
