// The forced command behind a real sshd, asked by the real OpenSSH client: whatever a client sends, nothing but the expected
// arguments ever reaches qm.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type SshdWithClient, startSshdWithClient } from '../../test/support/sshd-with-client.ts';
import { eventually } from '../../test/support/wait-for.ts';
import { FORCED_COMMAND, type RecordingRoot, temporaryRecordingRoot } from './support/recording-root.ts';

/** Everything that any word may ask of qm. */
const EXPECTED_QM = [
  'guest cmd 102 ping',
  'guest cmd 102 fsfreeze-status',
  'stop 102',
  'start 102',
  'reset 102',
];
const WORDS = ['status', 'forensics', 'reset', 'stop', 'start', 'cycle', 'evidence'];

let host: RecordingRoot;
let sshd: SshdWithClient;

const begin = async () => {
  host = temporaryRecordingRoot();
  sshd = await startSshdWithClient({ forcedCommand: `${FORCED_COMMAND} --root ${host.dir} 102` });
};
const end = async () => {
  await sshd.close();
  await host.close();
};
const unexpected = () => host.qmCalls().filter((argv) => !EXPECTED_QM.includes(argv.join(' ')));

describe('injection', () => {
  beforeAll(begin);
  afterAll(end);

  const rejected: readonly (readonly [name: string, command: string])[] = [
    ['a second command', 'status; reboot'],
    ['an argument', 'status 103'],
    ['a substitution', '$(reboot)'],
    ['backticks', '`reboot`'],
    ['a path', '../start'],
    ['a newline after', 'status\n'],
    ['a newline before', '\nstatus'],
    ['two lines', 'status\nstop'],
    ['a carriage return', 'status\r'],
    ['a tab', 'status\t'],
    ['a vertical tab', '\vstop'],
    ['a pipe', 'status|stop'],
    ['upper case', 'STATUS'],
    ['a Cyrillic look-alike', 'st\u0430tus'],
    ['a full-width look-alike', '\uff53top'],
    ['a zero-width character', 'sto\u200bp'],
    ['a combining character', 'stop\u0301'],
    ['an option of ssh', '-oProxyCommand=reboot'],
    ['an option of the script', '--worker'],
    ['another root', '--root / 102'],
    ['the script itself', '/bin/breakglass-pve stop'],
    ['a glob', 'st*p'],
    ['a subsystem', 'sftp'],
    ['a shell', 'bash -i'],
    ['a variable', '$SSH_ORIGINAL_COMMAND'],
    ['a redirect', 'status>/tmp/x'],
    ['quotes', '"stop"'],
    ['invalid UTF-8 look', 'stop\ufffd'],
    ['100 KB', 'status '.repeat(14_286)],
    ['100 KB of one letter', 'a'.repeat(100_000)],
    ['blanks', '   '],
  ];

  test.each(rejected)('%s is rejected with exit 2, and qm is not started', async (_name, command) => {
    const before = host.qmCalls().length;
    const answer = await sshd.ssh(command);
    expect(answer.exitCode).toBe(2);
    expect(answer.stderr).toMatch(/^breakglass-pve: rejected [^\n]*\n$/);
    expect(answer.stderr.length).toBeLessThan(700);
    expect(answer.stdout).toBe('');
    expect(host.qmCalls().length).toBe(before);
  });

  test('no command at all is rejected, not a shell', async () => {
    const answer = await sshd.ssh(undefined);
    expect(answer.exitCode).toBe(2);
    expect(answer.stderr).toContain("rejected ''");
  });

  test('rejections are logged on one line each, with the address of the caller', () => {
    const log = readFileSync(path.join(host.dir, 'log/breakglass-pve.log'), 'utf8').trimEnd().split('\n');
    expect(log.length).toBeGreaterThanOrEqual(rejected.length);
    expect(log.filter((line) => !/^\d{4}-\S+Z vm=102 verb=\w+ caller=127\.0\.0\.1 exit=/.test(line))).toEqual(
      [],
    );
  });

  test('LC_ variables of the client change nothing', async () => {
    const answer = await sshd.ssh('status', {
      extra: ['-o', 'ControlPath=none', '-o', 'SendEnv=LC_*'],
      env: { LC_ALL: 'tr_TR.UTF-8', LC_EVIL: '$(touch /tmp/breakglass-evil)', LC_CTYPE: '() { :; }; reboot' },
    });
    expect(answer.exitCode).toBe(0);
    expect(answer.stdout).toMatch(/^BREAKGLASS-BEGIN status\nstatus: running\n/);
  });

  test('an option of ssh that comes in place of a command starts no program on our side', async () => {
    const marker = path.join(sshd.dir, 'marker');
    const answer = await sshd.ssh(`-oProxyCommand=touch ${marker}`);
    expect(answer.exitCode).toBe(2);
    expect(existsSync(marker)).toBe(false);
  });

  test('200 random strings: nothing but a word gets through', async () => {
    const strings = fc.sample(
      fc.oneof(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
        fc
          .tuple(fc.constantFrom(...WORDS), fc.string({ minLength: 1, maxLength: 8 }))
          .map((parts) => parts.join('')),
        fc
          .tuple(fc.string({ minLength: 1, maxLength: 8 }), fc.constantFrom(...WORDS))
          .map((parts) => parts.join('')),
        fc.mixedCase(fc.constantFrom(...WORDS)),
      ),
      { numRuns: 200, seed: 20_260_131 },
    );
    const before = host.qmCalls().length;
    const commands = strings.filter((text) => !text.includes('\0') && !WORDS.includes(text));
    for (let at = 0; at < commands.length; at += 8) {
      await Promise.all(
        commands.slice(at, at + 8).map(async (command) => {
          const { exitCode } = await sshd.ssh(command);
          expect([command, exitCode]).toEqual([command, 2]);
        }),
      );
    }
    expect(host.qmCalls().length).toBe(before);
    expect(unexpected()).toEqual([]);
  });
});

describe('a verb', () => {
  beforeEach(begin);
  afterEach(end);

  test('passes through sshd with its result line last', async () => {
    const answer = await sshd.ssh('status');
    expect(answer.exitCode).toBe(0);
    expect(answer.stdout.trimEnd().split('\n').at(-1)).toMatch(/^BREAKGLASS-RESULT \{"verb":"status"/);
  });

  test('streams as it goes: the first forensics are seen before the stop is asked', async () => {
    const client = execa('ssh', [...sshd.sshArguments, 'cycle'], { reject: false, stdin: 'ignore' });
    for await (const line of client) {
      if (!String(line).includes('identity')) continue;
      expect(host.qmCalls().map(String)).not.toContain('stop,102');
      break;
    }
    await eventually(() => expect(host.qmCalls().map(String)).toContain('start,102'));
  });

  test('cycle runs to its end when the connection drops in the middle', async () => {
    const client = execa('ssh', [...sshd.sshArguments, 'cycle'], { reject: false, stdin: 'ignore' });
    await eventually(() => expect(host.qmCalls().length).toBeGreaterThan(0));
    await execa('ssh', [...sshd.sshArguments.slice(0, -2), '-O', 'exit', '127.0.0.1'], { reject: false });
    client.kill('SIGKILL');
    await client;
    await eventually(() => {
      expect(host.machine.boot().number).toBe(2);
      expect(host.machine.status()).toBe('running');
      expect(readFileSync(path.join(host.dir, 'log/breakglass-pve.log'), 'utf8')).toMatch(
        /verb=cycle \S+ exit=0/,
      );
    });
    expect(host.machine.config()['memory']).toBe('16384');
    expect(unexpected()).toEqual([]);
    // And the lock is free again.
    expect((await sshd.ssh('reset')).exitCode).toBe(0);
  });

  test('of several mutating verbs at once one runs; the others are told to wait, with 75', async () => {
    const answers = await Promise.all(
      ['cycle', 'stop', 'reset', 'cycle', 'start'].map((verb) => sshd.ssh(verb)),
    );
    const busy = answers.filter(({ exitCode }) => exitCode === 75);
    expect(busy).toHaveLength(4);
    for (const { stderr } of busy)
      expect(stderr).toMatch(/^breakglass-pve: busy: \w+ by 127\.0\.0\.1 since \S+Z \(\d+ s\)\n$/);
    expect(
      host.qmCalls().filter(([word]) => word === 'stop' || word === 'reset' || word === 'start').length,
    ).toBeLessThanOrEqual(2);
  });
});
