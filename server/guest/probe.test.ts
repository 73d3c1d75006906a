// The five readings of SSH, from the log of a real OpenSSH client against a real sshd, or against what stands in its place.
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import { connectTo } from '../../test/support/ssh-parts.ts';
import { type Sshd, startSshd } from '../../test/support/sshd.ts';
import type { SshConnection, SshConnectionOptions } from '../ssh/connection.ts';
import { probe } from './probe.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** Generous: what is limited here answers or refuses at once, and the machine may be busy. */
const LIMIT_MS = 20_000;

async function server(options: Parameters<typeof startSshd>[0] = {}): Promise<Sshd> {
  const sshd = await startSshd(options);
  undo.push(() => sshd.stop());
  return sshd;
}

function connect(
  to: Parameters<typeof connectTo>[0],
  options: Partial<SshConnectionOptions> = {},
): SshConnection {
  const ssh = connectTo(to, options);
  undo.push(() => ssh.close());
  return ssh;
}

const look = (ssh: SshConnection, limitMs = LIMIT_MS) => probe(ssh, limitMs);

/** A TCP server that does as told with each connection. */
async function listener(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const listening: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    listening.close();
  });
  return (listening.address() as AddressInfo).port;
}

test('works: our word came back, whatever greets people there', async () => {
  const greeting =
    'echo "Welcome! uptime: 12 days, BREAKGLASS-ALIVE"; eval "$SSH_ORIGINAL_COMMAND"; echo bye';
  for (const forcedCommand of [undefined, greeting]) {
    const sshd = await server(forcedCommand === undefined ? {} : { forcedCommand });
    expect(await look(connect(sshd))).toMatchObject({
      answers: true,
      reading: 'works',
      reached: 'logged-in',
    });
  }
});

test.each([
  ['a login shell that runs nothing', '/usr/sbin/nologin', /not available/],
  ['programs that cannot be executed', '/etc/hostname', /denied|not found|cannot/i],
  ['an exit code without a word', 'exit 126', /exit code 126/],
  ['an exit code of 255', 'exit 255', /exit code 255/],
  [
    'a message that quotes our command',
    'echo "sh: $SSH_ORIGINAL_COMMAND: cannot execute: Input/output error"',
    /Input\/output error/,
  ],
  ['a program that pretends to have run it', 'echo BREAKGLASS-ALIVE', /BREAKGLASS-ALIVE/],
])('refused, runs nothing: %s', async (_name, forcedCommand, words) => {
  const probed = await look(connect(await server({ forcedCommand })));
  expect(probed).toMatchObject({
    answers: false,
    reading: 'refused',
    refusal: 'runs-nothing',
    reached: 'logged-in',
  });
  expect(probed.detail).toMatch(words);
});

test('refused: a key that is not let in, an account that may not, and a host key that changed are signs of life', async () => {
  const sshd = await server();
  const other = await server({ config: ['AllowUsers nobody'] });
  expect(await look(connect(sshd, { keyPath: other.keyPath }))).toMatchObject({
    reading: 'refused',
    refusal: 'key',
    reached: 'banner',
  });
  expect(await look(connect(other))).toMatchObject({ reading: 'refused', refusal: 'key' });
  const another = execFileSync('ssh-keygen', ['-y', '-f', sshd.keyPath], { encoding: 'utf8' });
  writeFileSync(path.join(sshd.dir, 'known_hosts'), `devvm ${another}`);
  expect(await look(connect(sshd))).toMatchObject({ reading: 'refused', refusal: 'host-key' });
});

test('what a server says before its banner is never taken for a host key that changed', async () => {
  const sshd = await server();
  const port = await listener(
    (socket) =>
      void socket.end(
        '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nThe fingerprint for the ED25519 key sent by the remote host is\r\n' +
          `SHA256:${'A'.repeat(43)}.\r\nHost key for devvm has changed and you have requested strict checking.\r\n`,
      ),
  );
  const probed = await look(connect({ ...sshd, port }));
  expect(probed).toMatchObject({ reading: 'refused', refusal: 'not-now' });
  expect(probed).not.toHaveProperty('hostKey');
});

test('refused: more keys than sshd tries, with a remedy', async () => {
  const sshd = await server({ config: ['MaxAuthTries 1'] });
  const other = await server();
  const probed = await look(connect(sshd, { keyPath: other.keyPath }));
  expect(probed).toMatchObject({ reading: 'refused', refusal: 'too-many-keys' });
  expect(probed.detail).toContain('put it at');
});

test('refused: nobody now, closed at once, nothing that listens', async () => {
  const sshd = await server();
  // The words of sshd itself (srclimit.c, sshd.c), which it says in place of its banner.
  for (const words of ['Not allowed at this time', 'Exceeded MaxStartups']) {
    const port = await listener((socket) => void socket.end(`${words}\r\n`));
    const probed = await look(connect({ ...sshd, port }));
    expect(probed).toMatchObject({ reading: 'refused', refusal: 'not-now', reached: 'connected' });
    expect(probed.detail).toContain(words);
  }
  const shut = await listener((socket) => socket.resetAndDestroy());
  expect(await look(connect({ ...sshd, port: shut }))).toMatchObject({
    reading: 'refused',
    refusal: 'closed',
  });
  expect(await look(connect({ ...sshd, port: 1 }))).toMatchObject({
    reading: 'refused',
    refusal: 'port-closed',
    reached: 'nothing',
  });
});

test('silent: nothing comes in time, and how far it came is told', async () => {
  const sshd = await server();
  const mute = await listener(() => undefined);
  const half = await listener((socket) => socket.write('SSH-2.0-OpenSSH_9.2p1\r\n'));
  const stuck = await server({ forcedCommand: 'exec sleep 60' });
  const limit = 4_000;
  expect(await look(connect({ ...sshd, port: mute }), limit)).toMatchObject({
    reading: 'silent',
    reached: 'connected',
  });
  expect(await look(connect({ ...sshd, port: half }), limit)).toMatchObject({
    reading: 'silent',
    reached: 'banner',
  });
  // A login takes its time on a busy machine.
  const probed = await look(connect(stuck), 15_000);
  expect(probed).toMatchObject({ answers: false, reading: 'silent', reached: 'logged-in' });
  expect(probed.detail).toContain('let us in');
});

test('a login that ends without a word of its own is a sign of life, not silence', async () => {
  const sshd = await server({ forcedCommand: 'kill -9 $PPID; exec sleep 60' });
  expect(await look(connect(sshd))).toMatchObject({ answers: false, reading: 'refused' });
});

const isolate = ['-rn', '-n'].find((flag) => spawnSync('unshare', [flag, 'true']).status === 0);
const notIsolated = isolate === undefined ? 'no network namespace can be made here' : undefined;
test.skipIf(notIsolated !== undefined)(`unreachable: no route${skippedBecause(notIsolated)}`, async () => {
  const sshd = await server();
  const bin = mkdtempSync(path.join(tmpdir(), 'no-route-'));
  writeFileSync(path.join(bin, 'ssh'), `#!/bin/sh\nexec unshare ${isolate} /usr/bin/ssh "$@"\n`);
  chmodSync(path.join(bin, 'ssh'), 0o755);
  const address = { host: '198.51.100.7', port: sshd.port, user: sshd.user };
  const away = connect(sshd, { address, searchPath: `${bin}:/usr/bin:/bin` });
  expect(await look(away)).toMatchObject({ reading: 'unreachable', reached: 'nothing' });
});

test('unknown: a name that does not resolve, and no ssh at all, say nothing about the VM', async () => {
  const sshd = await server();
  const address = { host: 'no-such-name.invalid', port: 22, user: 'x' };
  expect(await look(connect(sshd, { address }))).toMatchObject({ answers: false, reading: 'unknown' });
  expect(await look(connect(sshd, { searchPath: '/nonexistent' }))).toMatchObject({ reading: 'unknown' });
});
