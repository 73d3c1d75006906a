// sshd of the simulated VM, on loopback. What a connection meets depends on the machine's state at that moment: an answer, a
// closed port, or silence. One key, the two accounts, commands only.
import { createServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection } from 'ssh2';
import { type ExecRequest, runExec } from './exec.ts';

/** `silent`: the connection opens and nothing ever comes. `closed`: it is dropped at once, as near as loopback gets to refusal. */
export type Reachability = 'answers' | 'silent' | 'closed';

export interface SshServerSetup {
  readonly publicKey: string;
  readonly hostKey: string;
  readonly accounts: readonly string[];
  readonly reachability: () => Reachability;
  readonly machine: () => Pick<ExecRequest, 'guest' | 'pool' | 'boot' | 'inputIdleMs'>;
}

export interface SshServer {
  readonly port: number;
  /** The machine stopped or was reset: every connection ends without a word. */
  dropAll(): void;
  close(): Promise<void>;
}

const NO_SHELL = 'This simulated machine runs commands only: ssh <host> <command>\r\n';

export const startSshServer = async (setup: SshServerSetup): Promise<SshServer> => {
  const allowed = ssh2.utils.parseKey(setup.publicKey);
  if (allowed instanceof Error) throw allowed;

  const accepts = (context: AuthContext): boolean => {
    if (context.method !== 'publickey' || !setup.accounts.includes(context.username)) return false;
    if (context.key.algo !== allowed.type || !context.key.data.equals(allowed.getPublicSSH())) return false;
    if (context.signature === undefined || context.blob === undefined) return context.signature === undefined;
    return allowed.verify(context.blob, context.signature, context.hashAlgo) === true;
  };

  const serve = (client: Connection, name: string): void => {
    const { guest } = setup.machine();
    const user = guest.accounts.byName(name);
    if (user === undefined) return;
    const { processes } = guest;
    const ppid = guest.units.get('ssh')?.pids[0] ?? 1;
    const seed = { comm: 'sshd', args: `sshd: ${name}@notty`, rssKb: 6_600, stat: 'S' };
    const sshd = processes.add(seed, { ppid, uid: user.uid });
    sshd.end = () => client.end();
    const accepted = `Accepted publickey for ${name} from 10.20.0.1 port 51514 ssh2`;
    guest.log('sshd', accepted, { unit: 'ssh.service', pid: sshd.pid });
    client.on('close', () => processes.remove(sshd.pid));
    client.on('session', (acceptSession) => {
      const session = acceptSession();
      session.on('pty', (_accept, reject) => reject?.());
      session.on('env', (accept) => accept?.());
      session.on('shell', (accept) => {
        const channel = accept();
        channel.stderr.write(NO_SHELL);
        channel.exit(1);
        channel.end();
      });
      session.on('exec', (accept, _reject, { command }) => {
        runExec({ ...setup.machine(), user, command, channel: accept(), parent: sshd.pid });
      });
    });
    client.on('tcpip', (_accept, reject) => reject());
    client.on('request', (_accept, reject) => reject?.());
  };

  // OpenSSH's server says its version so; clients choose by it.
  const settings = { hostKeys: [setup.hostKey], ident: 'OpenSSH_9.2p1 Debian-2+deb12u5' };
  const ssh = new ssh2.Server(settings, (client) => {
    let name = '';
    client.on('error', () => {});
    client.on('authentication', (context) => {
      name = context.username;
      if (accepts(context)) context.accept();
      else context.reject(['publickey']);
    });
    client.on('ready', () => serve(client, name));
  });

  const sockets = new Set<Socket>();
  let isClosing = false;
  const net = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const now = setup.reachability();
    if (now === 'closed' || isClosing) socket.destroy();
    else if (now === 'answers') ssh.injectSocket(socket);
    else socket.resume(); // Read and say nothing, so that the client sees an open connection.
  });
  await new Promise<void>((resolve, reject) => {
    net.once('error', reject);
    net.listen(0, '127.0.0.1', resolve);
  });
  const address = net.address();
  if (typeof address !== 'object' || address === null) throw new Error('the VM has no port');
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    dropAll,
    close: async () => {
      isClosing = true;
      dropAll();
      await new Promise<void>((resolve) => net.close(() => resolve()));
    },
  };
};
