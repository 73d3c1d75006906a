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

export interface LabVm {
  /** Directory of the simulated machine (see lab/machine), absolute. */
  readonly dir: string;
  readonly vmid: number;
}

export interface PowerHostOptions extends LabVm {
  /** Further VMs of this host: the account that logs in decides, as on a real one. */
  readonly accounts?: Readonly<Record<string, LabVm>>;
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
  const vms = [options, ...Object.values(options.accounts ?? {})];
  const qmps: { close(): Promise<void> }[] = [];
  for (const { dir, vmid } of vms) {
    prepareHostRoot(dir);
    qmps.push(await startQmp(openMachine(dir), vmid));
  }
  const vmOf = (user: string): LabVm | undefined =>
    options.accounts?.[user] ?? (USERS.includes(user) ? options : undefined);
  const clientKey = ssh2.utils.parseKey(options.publicKey);
  if (clientKey instanceof Error) throw clientKey;
  const ssh = new ssh2.Server({ hostKeys: [options.hostKey], ident: 'breakglass-lab' }, (client, info) => {
    let vm: LabVm = options;
    client.on('authentication', (context) => {
      const wanted = vmOf(context.username);
      if (wanted === undefined) return context.reject(['publickey']);
      vm = wanted;
      authenticate(context, clientKey);
    });
    client.on('ready', () => serve(client, vm, `${info.ip} ${info.port} 127.0.0.1 ${port}`));
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
      await Promise.all(vms.map(({ dir }) => endMarkedProcesses(dir)));
      await Promise.all(qmps.map((qmp) => qmp.close()));
    },
  };
};

/** https://www.rfc-editor.org/rfc/rfc4252#section-7: first a question whether the key would do, then the signature. */
const authenticate = (context: AuthContext, allowed: ParsedKey): void => {
  if (context.method !== 'publickey') {
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

const serve = (client: Connection, vm: LabVm, connection: string): void => {
  client.on('session', (accept) => serveSession(accept(), vm, connection));
};

const serveSession = (session: Session, vm: LabVm, connection: string): void => {
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
    runForcedCommand(accept(), { dir: vm.dir, vmid: vm.vmid, original: info.command, connection, env });
  });
  // `ssh host` without a command asks for a shell: sshd runs the forced command for that too, with nothing asked.
  session.on('shell', (accept) => {
    runForcedCommand(accept(), { dir: vm.dir, vmid: vm.vmid, original: '', connection, env });
  });
  session.on('pty', (_accept, reject) => reject?.());
  session.on('subsystem', (_accept, reject) => reject?.());
};
