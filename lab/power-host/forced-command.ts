// Runs the real host/breakglass-pve for one SSH exec request, as sshd runs a forced command: a session of its own, the client's
// string in SSH_ORIGINAL_COMMAND, output streamed. A client that goes away takes the watching process with it, not the
// detached work.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import type { ServerChannel } from 'ssh2';

const FORCED_COMMAND = path.join(import.meta.dirname, '../../host/breakglass-pve');

export interface ForcedCommand {
  /** Directory of the simulated host, absolute. */
  readonly dir: string;
  readonly vmid: number;
  /** What the client asked for, never interpreted here. */
  readonly original: string;
  /** As in SSH_CONNECTION: client address and port, server address and port. */
  readonly connection: string;
  /** LC_* of the client, which sshd lets through: the script must not mind them. */
  readonly env: Readonly<Record<string, string>>;
}

export const runForcedCommand = (
  channel: ServerChannel,
  { dir, vmid, original, connection, env }: ForcedCommand,
): void => {
  let child: ChildProcess;
  try {
    child = spawn(FORCED_COMMAND, ['--root', dir, String(vmid)], {
      cwd: '/',
      detached: true,
      env: {
        ...env,
        PATH: '/usr/bin:/bin',
        SSH_ORIGINAL_COMMAND: original,
        SSH_CONNECTION: connection,
        BREAKGLASS_ROOT: dir,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    // A string that no process can carry (NUL, or longer than the kernel takes): sshd ends here too.
    refuse(channel, error);
    return;
  }
  child.on('error', (error) => refuse(channel, error));
  child.stdout?.pipe(channel, { end: false });
  child.stderr?.pipe(channel.stderr, { end: false });
  child.on('close', (code, signal) => {
    if (!channel.writable) return;
    if (code === null) channel.exit(signal ?? 'KILL');
    else channel.exit(code);
    channel.end();
  });
  channel.resume();
  channel.on('error', () => channel.destroy());
  channel.on('close', () => {
    child.stdout?.destroy();
    child.stderr?.destroy();
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) hangUp(child.pid);
  });
};

const refuse = (channel: ServerChannel, error: unknown): void => {
  if (!channel.writable) return;
  channel.stderr.write(`power host: ${error instanceof Error ? error.message : String(error)}\n`);
  channel.exit(255);
  channel.end();
};

/** SIGHUP to the foreground's process group; the worker has left it by setsid. */
const hangUp = (group: number): void => {
  try {
    process.kill(-group, 'SIGHUP');
  } catch {
    // It ended meanwhile.
  }
};
