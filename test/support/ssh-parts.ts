// An SSH connection to a test's own sshd.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import {
  createSshConnection,
  type SshConnection,
  type SshConnectionOptions,
} from '../../server/ssh/connection.ts';
import { openControlDir } from '../../server/ssh/control-dir.ts';
import type { Sshd } from './sshd.ts';

export const silent = pino({ level: 'silent' });

export const connectTo = (
  sshd: Pick<Sshd, 'host' | 'port' | 'user' | 'keyPath' | 'dir'>,
  options: Partial<SshConnectionOptions> = {},
): SshConnection =>
  createSshConnection({
    address: { host: sshd.host, port: sshd.port, user: sshd.user },
    keyPath: sshd.keyPath,
    authSock: undefined,
    knownHostsFile: path.join(sshd.dir, 'known_hosts'),
    controlDir: openControlDir(mkdtempSync(path.join(tmpdir(), 'connection-'))),
    ownerEnv: {},
    searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
    home: sshd.dir,
    logger: silent,
    hostKeyAlias: 'devvm',
    ...options,
  });
