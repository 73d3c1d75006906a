// One look at SSH: does a command run there? That sshd lets us in is not enough: a login shell may run nothing, and a guest that
// cannot read its disk any more lets people in and runs no program. So a program of the guest has to say a word of ours.
import type { SshConnection } from '../ssh/connection.ts';
import type { Probed } from './port.ts';

/** What is kept of what comes back: the word, behind whatever greets people there. */
const KEPT_BYTES = 64 * 1024;

/**
 * The shell takes the quotes away, so that a message which quotes our command (`sh: echo …: cannot execute`) is not our word.
 * Plain enough for any login shell, fish and csh too; `sh` is a program that has to be read and started.
 */
const commandFor = (nonce: string): string => `sh -c "echo BREAKGLASS-'ALIVE'-${nonce}"`;
const wordOf = (nonce: string): string => `BREAKGLASS-ALIVE-${nonce}`;

export async function probe(ssh: SshConnection, limitMs: number): Promise<Probed> {
  const startedAt = performance.now();
  const nonce = crypto.randomUUID().slice(0, 8);
  let said = '';
  const ended = await ssh.run({
    command: commandFor(nonce),
    fresh: true,
    timeoutMs: limitMs,
    onStdout: (chunk) => {
      if (said.length < KEPT_BYTES) said += chunk.toString('latin1');
    },
  });
  const ms = Math.round(performance.now() - startedAt);
  const { reached } = ended;
  if (said.includes(wordOf(nonce)))
    return { answers: true, reading: 'works', reached: 'logged-in', detail: `SSH answered in ${ms} ms.`, ms };
  if (ended.how === 'exited') {
    const words = firstWords(said) || firstWords(ended.stderrTail);
    return {
      answers: false,
      reading: 'refused',
      refusal: 'runs-nothing',
      reached: 'logged-in',
      detail: `SSH let us in, but our command did not run (exit code ${ended.exitCode ?? 'unknown'})${words === '' ? '.' : `: ${words}`}`,
      ms,
    };
  }
  const { reading = 'unknown', refusal, hostKey } = ended.failure ?? {};
  return {
    answers: false,
    reading,
    ...(refusal === undefined ? {} : { refusal }),
    ...(hostKey === undefined ? {} : { hostKey }),
    reached,
    detail: ended.detail || `${SILENCE[reached]} within ${(limitMs / 1_000).toFixed(1)} s.`,
    ms,
  };
}

const SILENCE = {
  nothing: 'SSH gave no answer',
  connected: 'The connection was accepted, but no SSH server answered',
  banner: "The guest's SSH server answered, and let nobody in",
  'logged-in': 'SSH let us in, and then nothing came',
} as const;

/** The first line that says something, printable. */
const firstWords = (text: string): string =>
  text
    .slice(0, 4_096)
    .split('\n')
    .map((line) => line.replaceAll(/[^\x20-\x7e]/g, ' ').trim())
    .find((line) => line !== '')
    ?.slice(0, 200) ?? '';
