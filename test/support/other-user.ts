// The program as it is installed, run by a user who is not root: at /opt/breakglass/current in a mount namespace of its own, because a checkout
// may lie where only root can look. Needs root.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { within } from './wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
export const PROGRAM = '/opt/breakglass/current';
/** nobody: every Debian has this user, and ssh wants one that has a name. */
export const USER = 65_534;

export const whyNoOtherUser = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'not root';
  const { status, stderr } = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `no mount namespace here: ${stderr.trim()}`;
};

const PREPARE = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /opt
mkdir -p ${PROGRAM}
mount --bind . ${PROGRAM}
`;
const BECOME = `exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all`;

export interface Started {
  readonly child: ChildProcess;
  /** What it printed so far, on both. */
  readonly said: () => string;
}

/**
 * @param prepare bash, as root, in the namespace, before it becomes the user
 * @param command what the user runs, for bash; nothing of the test's environment is in it
 */
export function startAsOtherUser(prepare: string, command: string): Started {
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'bash',
      '-c',
      `${PREPARE}${prepare}\n${BECOME} ${command}`,
    ],
    {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'], // Else bash takes a socket at its input for a remote login, and reads what a developer has in .bashrc.
      env: { PATH: process.env['PATH'] ?? '', SHLVL: '2' },
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data: Buffer) => {
      text += data.toString();
    });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    // The first process of the namespace, with which all others go. Ending unshare does not end it: it has changed its user since.
    for (const first of childrenOf(child.pid)) process.kill(first, 'SIGKILL');
    await within('the end of what the other user ran', ended);
  });
  return { child, said: () => text };
}

function childrenOf(pid: number | undefined): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return []; // It has ended.
  }
}

export const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
