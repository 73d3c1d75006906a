// A host that is reached with OpenSSH's client. Commands go over a reused connection, or over one of their own. The arguments are a
// list, the environment is explicit, and there is no shell on our side.
//
// What can be sent twice. As long as the master of a reused connection has not confirmed the session, ssh itself falls back to a direct
// connection. It sends the exec request only after that confirmation, so the fallback carries a command that was not begun, and one that
// was begun is never repeated. There remains the moment in which a master dies after sending the request and before confirming it. That
// is too much for a command that changes the world (`fresh`): it gets a connection of its own, where the client's log says exactly
// whether the command was sent, and where 0.2 s more do not matter.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { BreakglassError } from '../../protocol/problems.ts';
import type { SshReached } from '../../protocol/ssh-reading.ts';
import type { HostAddress } from '../config/targets.ts';
import {
  commandArguments,
  type Destination,
  type Keepalive,
  keyLookArguments,
  masterArguments,
} from './arguments.ts';
import { createLog, runClient } from './client.ts';
import type { Begun, SshEnd } from './client-log.ts';
import { type ChangedHostKey, readFailure, type SshFailure } from './failure.ts';
import { createIdentity } from './identity.ts';
import { type PublicKey, pinnedKeys } from './known-hosts.ts';
import { createMaster, NO_MASTER } from './master.ts';

export interface SshConnectionOptions {
  readonly address: HostAddress;
  readonly keyPath: string;
  readonly authSock: string | undefined;
  readonly knownHostsFile: string;
  /** From `openControlDir`. When undefined, no connection is reused and the client keeps no log. */
  readonly controlDir: string | undefined;
  /** The mark by which the next server finds processes that this one left behind: see processes/owner.ts. */
  readonly ownerEnv: Readonly<Record<string, string>>;
  readonly searchPath: string;
  readonly home: string;
  readonly logger: Logger;
  readonly hostKeyAlias: string;
  /** How long a reused connection may be silent while it is asked. Default 2 s × (2 + 1): a half-open one is noticed after 6 s. */
  readonly keepalive?: Keepalive;
  /** For the TCP connection and the key exchange. Default 6 s, so that an unreachable host is known well within 10 s. */
  readonly connectTimeoutS?: number;
  /** Default 10 minutes. */
  readonly idleMs?: number;
}

export interface SshCommand {
  readonly command: string;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** Gets a function that gives the running command another limit, milliseconds from then on. */
  readonly onStart?: (extend: (ms: number) => void) => void;
  /** Uses a connection of its own: for what must not be begun twice, and for probes that must not wait behind a command that hangs. */
  readonly fresh?: boolean;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly onStderr?: (chunk: Buffer) => void;
}

export interface SshResult {
  readonly how: SshEnd;
  /** The exit code of the remote command; null when it is not known, or when a signal ended the command. */
  readonly exitCode: number | null;
  readonly signal: string | undefined;
  /** `no` is proof that the command never ran. */
  readonly begun: Begun;
  /** How far it came, as far as the client's log tells. */
  readonly reached: SshReached;
  /** What it says of the far side that no command's end came from there; undefined where one did. */
  readonly failure: SshFailure | undefined;
  /** The last 4 KB of the remote command's stderr. */
  readonly stderrTail: string;
  /** For `unreachable` and `connection_lost` a sentence for a person, otherwise empty. */
  readonly detail: string;
}

export interface SshConnection {
  /** Does not reject because of trouble with the host. Rejects with `invalid-input` when the command cannot be sent. */
  run(command: SshCommand): Promise<SshResult>;
  /** Opens the reused connection before the first command. True when it is up. */
  warm(limitMs: number): Promise<boolean>;
  masterPid(): number | undefined;
  /** The file and the name under which the host's key is pinned. */
  readonly pin: Pin;
  /**
   * Connects only to see which key the host offers now, whatever is pinned, and changes nothing that is.
   * @param algorithms see `algorithmsFor`
   * @param scratch a file of known hosts that takes the place of the real one; the caller removes it
   */
  lookAtKey(algorithms: string | undefined, scratch: string): Promise<KeyLook>;
  /** Ends the reused connection and what runs over it. The next command opens a new one. */
  dropReused(): Promise<void>;
  /** Ends the reused connection and every command under way, on this side. What that means over there is up to the caller. */
  close(): Promise<void>;
}

export interface Pin {
  readonly file: string;
  readonly alias: string;
}

export type KeyLook =
  | { readonly type: 'offered'; readonly key: PublicKey }
  /** `why`: a sentence for a person. `hostKey`: it showed another one than the file of known hosts has. */
  | { readonly type: 'none'; readonly why: string; readonly hostKey?: ChangedHostKey };

export const DEFAULT_KEEPALIVE: Keepalive = { intervalS: 2, count: 2 };
// A connection of its own carries long work to a host that may be busy, so 20 s of silence are allowed.
const FRESH_KEEPALIVE: Keepalive = { intervalS: 5, count: 3 };
const DEFAULT_IDLE_MS = 10 * 60_000;
const DEFAULT_CONNECT_TIMEOUT_S = 6;

export function createSshConnection(options: SshConnectionOptions): SshConnection {
  const env: Readonly<Record<string, string>> = {
    ...options.ownerEnv,
    PATH: options.searchPath,
    HOME: options.home,
    // The messages that failure.ts reads.
    LC_ALL: 'C',
  };
  const closing = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  const prefix = `${process.pid.toString(36)}-${crypto.randomUUID().slice(0, 4)}`;
  let count = 0;
  let lastFailure = '';
  const identity = createIdentity({
    keyPath: options.keyPath,
    authSock: options.authSock,
    dir: options.controlDir,
    searchPath: options.searchPath,
  });
  const toWith = (keyFile: string): Destination => ({
    address: options.address,
    keyFile,
    authSock: options.authSock,
    knownHostsFile: options.knownHostsFile,
    hostKeyAlias: options.hostKeyAlias,
  });
  /** Uses the key of the last command. */
  let destination = toWith(options.keyPath);
  const keepalive = options.keepalive ?? DEFAULT_KEEPALIVE;
  const connectTimeoutS = options.connectTimeoutS ?? DEFAULT_CONNECT_TIMEOUT_S;
  const { controlDir } = options;
  const master =
    controlDir === undefined
      ? NO_MASTER
      : createMaster({
          argumentsFor: (socket) => masterArguments(destination, socket, keepalive, connectTimeoutS),
          socketPath: () => path.join(controlDir, `${prefix}-m${++count}`),
          env,
          idleMs: options.idleMs ?? DEFAULT_IDLE_MS,
          logger: options.logger,
        });

  const run = async (command: SshCommand): Promise<SshResult> => {
    const fresh = command.fresh === true;
    const file = controlDir === undefined ? undefined : path.join(controlDir, `${prefix}-${++count}.log`);
    const build = (logFile: string | undefined, socket: string | undefined): string[] =>
      commandArguments(destination, {
        command: command.command,
        socket,
        logFile,
        connectTimeoutS: Math.max(
          1,
          Math.min(connectTimeoutS, Math.ceil((command.timeoutMs ?? Number.POSITIVE_INFINITY) / 1_000)),
        ),
        keepalive: fresh ? FRESH_KEEPALIVE : keepalive,
      });
    build(file, undefined); // Throws when the command cannot be sent, before anything is started.
    const key = await identity();
    if (closing.signal.aborted) throw new BreakglassError('shutting-down', 'The server is shutting down.');
    if (key.type === 'none') return failed(notOffered(key.why));
    destination = toWith(key.file);
    const logFile = file === undefined ? undefined : await createLog(file);
    const result = await runClient({
      arguments: build(logFile, fresh ? undefined : master.touch()),
      env,
      logFile,
      stdin: command.stdin,
      timeoutMs: command.timeoutMs,
      onStart: command.onStart,
      signal:
        command.signal === undefined ? closing.signal : AbortSignal.any([command.signal, closing.signal]),
      onStdout: command.onStdout ?? (() => {}),
      onStderr: command.onStderr ?? (() => {}),
    });
    const { spoken, ...rest } = result;
    if (rest.how === 'exited') {
      lastFailure = '';
      return { ...rest, failure: undefined, detail: '' };
    }
    const { failure, detail } = readFailure({ ...rest, spoken }, destination);
    const said = rest.how === 'unreachable' || rest.how === 'connection_lost';
    return said ? failed({ ...rest, failure, detail }) : { ...rest, failure, detail: '' };
  };
  /** A host that is down is asked every few seconds while somebody looks. The log says it once and not every time. */
  const failed = (result: SshResult): SshResult => {
    const { how, begun, detail } = result;
    if (detail !== lastFailure)
      options.logger.warn({ host: options.hostKeyAlias, how, begun, detail }, 'ssh failed');
    lastFailure = detail;
    return result;
  };

  const lookAtKey = async (algorithms: string | undefined, scratch: string): Promise<KeyLook> => {
    const to: Destination = { ...destination, knownHostsFile: scratch };
    const logFile =
      controlDir === undefined
        ? undefined
        : await createLog(path.join(controlDir, `${prefix}-${++count}.log`));
    const result = await runClient({
      arguments: keyLookArguments(to, { logFile, connectTimeoutS, algorithms }),
      env,
      logFile,
      stdin: undefined,
      timeoutMs: connectTimeoutS * 2_000,
      onStart: undefined,
      signal: closing.signal,
      onStdout: () => {},
      onStderr: () => {},
    });
    const key = await readFile(scratch, 'utf8').then(
      (text) => pinnedKeys(text, options.hostKeyAlias)[0],
      () => undefined,
    );
    // ssh writes the key down before the host has signed with it. What comes after that proof is a login, which nobody gets here.
    const proven =
      result.how === 'exited' || /^\S+: Permission denied \(/m.test(`${result.spoken}\n${result.stderrTail}`);
    if (key !== undefined && proven) return { type: 'offered', key };
    const { detail, failure } = readFailure(result, to);
    return {
      type: 'none',
      why: detail || 'It gave no answer in time.',
      ...(failure.hostKey === undefined ? {} : { hostKey: failure.hostKey }),
    };
  };
  const track = <T>(running: Promise<T>): Promise<T> => {
    const tracked = running.catch(() => undefined).finally(() => underWay.delete(tracked));
    underWay.add(tracked);
    return running;
  };

  return {
    run: (command) => track(run(command)),
    pin: { file: options.knownHostsFile, alias: options.hostKeyAlias },
    lookAtKey: (algorithms, scratch) => track(lookAtKey(algorithms, scratch)),
    dropReused: () => master.drop(),
    async warm(limitMs) {
      const key = await identity();
      if (key.type === 'none') return false;
      destination = toWith(key.file);
      return master.ready(limitMs);
    },
    masterPid: () => master.pid(),
    async close() {
      closing.abort();
      await Promise.all([master.close(), ...underWay]);
    },
  };
}

/** What a run gives when there is no key: nothing is started then. */
const notOffered = (why: string): SshResult => ({
  how: 'unreachable',
  exitCode: null,
  signal: undefined,
  begun: 'no',
  reached: 'nothing',
  failure: { reading: 'unknown' },
  stderrTail: '',
  detail: why,
});
