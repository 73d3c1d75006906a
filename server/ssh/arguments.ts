// The arguments of every `ssh` that the server starts. Host, port and user come from the configuration, which checks them; the command
// is one argument after `--`. Pure. Authority for each option: ssh(1), ssh_config(5).

import { BreakglassError } from '../../protocol/problems.ts';
import type { HostAddress } from '../config/targets.ts';

export interface Keepalive {
  readonly intervalS: number;
  /** How many keepalives may stay unanswered. The connection is given up after (count + 1) × interval seconds of silence. */
  readonly count: number;
}

export interface Destination {
  readonly address: HostAddress;
  /** The file of the only key that is offered: a private key, or the public key of one that the agent holds. */
  readonly keyFile: string;
  readonly authSock: string | undefined;
  readonly knownHostsFile: string;
  /** The name under which the host's key is kept. Another host may get the address, but not the alias. */
  readonly hostKeyAlias: string;
}

// On Linux an argument has at most 131,072 bytes (MAX_ARG_STRLEN).
const MAX_COMMAND_BYTES = 128_000;

/** Makes ssh log its own progress, whatever LogLevel is: see client-log.ts. OpenSSH before 8.5 does not know it. */
const PROGRESS = [
  'sshconnect.c:ssh_connect_direct():*',
  'kex.c:kex_exchange_identification():*',
  'clientloop.c:client_session2_setup():*',
  'clientloop.c:client_input_channel_req():*',
  'clientloop.c:client_loop():*',
  'mux.c:mux_client_request_session():*',
].join(',');

/** A path as ssh_config reads it: in quotes, with `%` escaped. */
const literal = (file: string): string => `"${file.replaceAll('%', '%%')}"`;

function commonOptions(destination: Destination, connectTimeoutS: number, keepalive: Keepalive): string[] {
  const { keyFile, authSock, knownHostsFile, hostKeyAlias } = destination;
  const options: Readonly<Record<string, string>> = {
    BatchMode: 'yes',
    ConnectTimeout: String(connectTimeoutS),
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: literal(knownHostsFile),
    GlobalKnownHostsFile: 'none',
    HostKeyAlias: hostKeyAlias,
    CheckHostIP: 'no',
    UpdateHostKeys: 'no',
    PreferredAuthentications: 'publickey',
    GSSAPIAuthentication: 'no',
    IdentityAgent: authSock === undefined ? 'none' : literal(authSock),
    IdentitiesOnly: 'yes',
    IdentityFile: literal(keyFile),
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    PermitLocalCommand: 'no',
    RequestTTY: 'no',
    EscapeChar: 'none',
    ServerAliveInterval: String(keepalive.intervalS),
    ServerAliveCountMax: String(keepalive.count),
    LogLevel: 'ERROR',
  };
  return ['-F', 'none', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
}

const place = ({ address }: Destination): string[] => [
  '-p',
  String(address.port),
  '-l',
  address.user,
  '--',
  address.host,
];

/** For a process that only holds a connection open, for others to use. */
export const masterArguments = (
  to: Destination,
  socket: string,
  keepalive: Keepalive,
  connectTimeoutS: number,
): string[] => [...commonOptions(to, connectTimeoutS, keepalive), '-M', '-N', '-S', socket, ...place(to)];

/**
 * For a look at the key that a host offers, which ssh writes into the destination's file of known hosts. Nobody logs in: it ends when
 * the host has proven that it holds that key. ssh takes the first value of an option.
 */
export const keyLookArguments = (
  to: Destination,
  look: {
    readonly logFile: string | undefined;
    readonly connectTimeoutS: number;
    readonly algorithms: string | undefined;
  },
): string[] => {
  const [noFile = '', none = '', ...common] = commonOptions(to, look.connectTimeoutS, {
    intervalS: 2,
    count: 2,
  });
  return [
    noFile,
    none,
    '-o',
    'PreferredAuthentications=none',
    ...(look.algorithms === undefined ? [] : ['-o', `HostKeyAlgorithms=${look.algorithms}`]),
    ...common,
    '-S',
    'none',
    ...logging(look.logFile),
    ...place(to),
    'true',
  ];
};

const logging = (logFile: string | undefined): string[] =>
  logFile === undefined
    ? []
    : ['-E', logFile, '-o', 'IgnoreUnknown=LogVerbose', '-o', `LogVerbose=${PROGRESS}`];

export interface CommandOptions {
  readonly command: string;
  /** The control socket of a master; undefined for a connection of its own. */
  readonly socket: string | undefined;
  readonly logFile: string | undefined;
  readonly connectTimeoutS: number;
  readonly keepalive: Keepalive;
}

/** Throws `invalid-input` when the command cannot be one argument. */
export function commandArguments(to: Destination, options: CommandOptions): string[] {
  if (options.command.includes('\0'))
    throw new BreakglassError('invalid-input', 'A command cannot contain a NUL character.');
  if (Buffer.byteLength(options.command) > MAX_COMMAND_BYTES)
    throw new BreakglassError('invalid-input', `The command is longer than ${MAX_COMMAND_BYTES} bytes.`);
  return [
    ...commonOptions(to, options.connectTimeoutS, options.keepalive),
    // If the master is gone, ssh connects directly by itself.
    '-S',
    options.socket ?? 'none',
    '-o',
    'ControlMaster=no',
    ...logging(options.logFile),
    ...place(to),
    options.command,
  ];
}
