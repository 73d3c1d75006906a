// The lab's power host: an embedded SSH server on the loopback interface whose only service is the forced command, as a
// hardened sshd would offer it. No shell, no terminal, no forwarding, no file transfer.
import { timingSafeEqual } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection, type ParsedKey, type Session } from 'ssh2';
import { openMachine } from '../machine/machine.ts';
import { runForcedCommand } from './forced-command.ts';
import { prepareHostRoot } from './host-root.ts';
import { endMarkedProcesses } from './leftovers.ts';
import { startQmp } from './qmp.ts';

export interface PowerHostOptions {
  /** Directory of the simulated machine (see lab/machine), absolute. */
  readonly dir: string;
  readonly vmid: number;
  /** The one client key that may log in: a line as in authorized_keys. */
  readonly publicKey: string;
  /** The server's private key, OpenSSH or PEM text. */
  readonly hostKey: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Called for each TCP connection, before SSH: to count or to disturb them. */
  readonly onConnection?: (socket: Socket) => void;
}

export interface PowerHost {
  readonly port: number;
  /** Ends the server, its connections and every process it started, detached ones too. */
  close(): Promise<void>;
}

const USERS = ['root', 'breakglass'];

export const startPowerHost = async (options: PowerHostOptions): Promise<PowerHost> => {
  prepareHostRoot(options.dir);
  const qmp = await startQmp(openMachine(options.dir), options.vmid);
  const clientKey = ssh2.utils.parseKey(options.publicKey);
  if (clientKey instanceof Error) throw clientKey;
  const ssh = new ssh2.Server({ hostKeys: [options.hostKey], ident: 'breakglass-lab' }, (client, info) => {
    client.on('authentication', (context) => authenticate(context, clientKey));
    client.on('ready', () => serve(client, options, `${info.ip} ${info.port} 127.0.0.1 ${port}`));
    client.on('error', () => client.end()); // a client that vanished
  });
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.setNoDelay(true); // a verb's answer is a few small packets
    options.onConnection?.(socket);
    ssh.injectSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    close: async () => {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      await endMarkedProcesses(options.dir);
      await qmp.close();
    },
  };
};

/** https://www.rfc-editor.org/rfc/rfc4252#section-7: first a question whether the key would do, then the signature. */
const authenticate = (context: AuthContext, allowed: ParsedKey): void => {
  if (context.method !== 'publickey' || !USERS.includes(context.username)) {
    context.reject(['publickey']);
    return;
  }
  const offered = context.key.data;
  const wanted = allowed.getPublicSSH();
  const known = offered.length === wanted.length && timingSafeEqual(offered, wanted);
  const signed =
    context.signature === undefined ||
    context.blob === undefined ||
    allowed.verify(context.blob, context.signature, context.hashAlgo) === true;
  if (known && signed) context.accept();
  else context.reject(['publickey']);
};

const serve = (client: Connection, options: PowerHostOptions, connection: string): void => {
  client.on('session', (accept) => serveSession(accept(), options, connection));
};

const serveSession = (session: Session, options: PowerHostOptions, connection: string): void => {
  const env: Record<string, string> = {};
  session.on('env', (accept, reject, info) => {
    if (!/^LC_[A-Z]+$/.test(info.key)) {
      reject?.();
      return;
    }
    env[info.key] = info.val;
    accept?.();
  });
  session.on('exec', (accept, _reject, info) => {
    const { dir, vmid } = options;
    runForcedCommand(accept(), { dir, vmid, original: info.command, connection, env });
  });
  // `ssh host` without a command asks for a shell: sshd runs the forced command for that too, with nothing asked.
  session.on('shell', (accept) => {
    const { dir, vmid } = options;
    runForcedCommand(accept(), { dir, vmid, original: '', connection, env });
  });
  session.on('pty', (_accept, reject) => reject?.());
  session.on('subsystem', (_accept, reject) => reject?.());
};
