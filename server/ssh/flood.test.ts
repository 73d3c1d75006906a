// VMs whose SSH server means us harm: whatever it sends, the log that our client keeps of it stays small.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import path from 'node:path';
import ssh2 from 'ssh2';
import { expect, onTestFinished, test } from 'vitest';
import { connectTo } from '../../test/support/ssh-parts.ts';
import { startSshd } from '../../test/support/sshd.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { LOG_CAP_BYTES } from './client.ts';

/** Looks at the files of a directory until it is told to stop: how large was the largest log? */
function watchLogs(dir: string): () => number {
  let largest = 0;
  const timer = setInterval(() => {
    for (const name of readdirSync(dir).filter((each) => each.endsWith('.log')))
      largest = Math.max(largest, statSync(path.join(dir, name), { throwIfNoEntry: false })?.size ?? 0);
  }, 5);
  return () => {
    clearInterval(timer);
    return largest;
  };
}

async function flooded(listen: (port: (port: number) => void) => () => void) {
  const sshd = await startSshd(); // Only for a key that ssh likes.
  const dir = path.join(tempDir(), 'control');
  mkdirSync(dir, { mode: 0o700 });
  const { promise: listening, resolve } = Promise.withResolvers<number>();
  const close = listen(resolve);
  const ssh = connectTo(
    { ...sshd, port: await listening },
    { controlDir: dir, knownHostsFile: path.join(dir, 'known') },
  );
  onTestFinished(async () => {
    await ssh.close();
    close();
    await sshd.stop();
  });
  const largest = watchLogs(dir);
  const result = await ssh.run({ command: 'true', fresh: true, timeoutMs: 30_000 });
  return { result, largest: largest(), left: readdirSync(dir).filter((name) => name.endsWith('.log')) };
}

test('a flood of lines before the banner ends with the cap of the log, and is read as what it is', async () => {
  const { result, largest, left } = await flooded((on) => {
    const sockets = new Set<Socket>();
    const line = `${'x'.repeat(8_000)}\r\n`;
    const server = createServer((socket) => {
      sockets.add(socket);
      const pour = (): void => {
        while (socket.write(line));
      };
      socket.on('drain', pour).on('error', () => undefined);
      pour();
    }).listen(0, '127.0.0.1', () => on((server.address() as AddressInfo).port));
    return () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
  });
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThanOrEqual(LOG_CAP_BYTES);
  expect(left).toEqual([]);
  expect(result).toMatchObject({ how: 'unreachable', begun: 'no', reached: 'connected' });
  expect(result.failure).toEqual({ reading: 'refused', refusal: 'not-now' });
  expect(result.detail).toMatch(/lets nobody in now/);
});

test('a flood of messages after the login ends with the cap of the log, as a connection that was lost', async () => {
  const { result, largest } = await flooded((on) => {
    const hostKey = ssh2.utils.generateKeyPairSync('ed25519').private;
    const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
      client
        .on('error', () => undefined)
        .on('authentication', (context) => context.accept())
        .on('session', (accept) =>
          accept().on('exec', (acceptExec) => {
            const channel = acceptExec();
            const pour = (): void => {
              for (let n = 0; n < 500; n++) channel.exit(0);
              setImmediate(pour);
            };
            pour();
            channel.on('close', () => client.end());
          }),
        );
    });
    server.listen(0, '127.0.0.1', () => on((server.address() as AddressInfo).port));
    return () => server.close();
  });
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThanOrEqual(LOG_CAP_BYTES);
  expect(result).toMatchObject({ how: 'connection_lost', begun: 'yes', exitCode: null });
});
