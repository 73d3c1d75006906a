// One command over SSH, for tests that look at the real lab from outside.
import { Client } from 'ssh2';

export interface Said {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SshExec {
  readonly port: number;
  readonly username: string;
  readonly privateKey: string;
  readonly command: string;
  /** Default 2 minutes. */
  readonly withinMs?: number | undefined;
  readonly onStderr?: ((text: string) => void) | undefined;
}

/** Rejects when the command has not ended in time. */
export function sshExec(options: SshExec): Promise<Said> {
  const { port, username, privateKey, command, withinMs = 120_000, onStderr } = options;
  return new Promise((resolve, reject) => {
    const client = new Client();
    const timer = setTimeout(() => {
      client.destroy();
      reject(new Error(`no answer within ${withinMs} ms to ${command}`));
    }, withinMs);
    client.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    client.on('ready', () =>
      client.exec(command, (error, channel) => {
        if (error) return reject(error);
        let [stdout, stderr] = ['', ''];
        channel.on('data', (data: Buffer) => (stdout += data.toString()));
        channel.stderr.on('data', (data: Buffer) => {
          stderr += data.toString();
          onStderr?.(data.toString());
        });
        channel.on('close', (code: number | undefined) => {
          clearTimeout(timer);
          client.end();
          resolve({ code, stdout, stderr });
        });
      }),
    );
    client.connect({ host: '127.0.0.1', port, username, privateKey, readyTimeout: withinMs });
  });
}
