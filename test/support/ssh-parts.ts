// An SSH connection to a test's own sshd.
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import {
  createSshConnection,
  type SshConnection,
  type SshConnectionOptions,
} from '../../server/ssh/connection.ts';
import { openControlDir, removeControlDir } from '../../server/ssh/control-dir.ts';
import type { Sshd } from './sshd.ts';

export const silent = pino({ level: 'silent' });

/** For a connection on a machine that has eight other things to do, which takes longer than a deployment would wait. */
export const PATIENT = {
  connectTimeoutS: 60,
  keepalive: { intervalS: 20, count: 3 },
} as const satisfies Partial<SshConnectionOptions>;

export const connectTo = (
  sshd: Pick<Sshd, 'host' | 'port' | 'user' | 'keyPath' | 'dir'>,
  options: Partial<SshConnectionOptions> = {},
): SshConnection => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'connection-'));
  const controlDir = openControlDir(dataDir);
  rmdirSync(dataDir);
  const connection = createSshConnection({
    address: { host: sshd.host, port: sshd.port, user: sshd.user },
    keyPath: sshd.keyPath,
    authSock: undefined,
    knownHostsFile: path.join(sshd.dir, 'known_hosts'),
    controlDir,
    ownerEnv: {},
    searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
    home: sshd.dir,
    logger: silent,
    hostKeyAlias: 'devvm',
    ...options,
  });
  return {
    ...connection,
    async close() {
      await connection.close();
      removeControlDir(controlDir);
    },
  };
};
