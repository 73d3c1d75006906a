// sshd of the simulated VM, on loopback. What a connection meets depends on the machine's state at that moment: an answer, a
// closed port, or silence. One key, the two accounts, commands only.
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection, type Server } from 'ssh2';
import { runExec } from './channel.ts';
import type { Kernel } from './kernel.ts';
import type { User } from './state/credentials.ts';

/** `silent`: the connection opens and nothing ever comes. `closed`: it is dropped at once, as near as loopback gets to refusal. */
export type Reachability = 'answers' | 'silent' | 'closed';

export interface SshServerSetup {
  readonly publicKey: string;
  readonly hostKey: string;
  readonly port: number;
  readonly kernel: () => Kernel;
  readonly reachability: () => Reachability;
  readonly user: (name: string) => User | undefined;
}

export interface SshServer {
  readonly port: number;
  /** The machine stopped or was reset: every connection ends without a word. */
  dropAll(): void;
  close(): Promise<void>;
}

const NO_SHELL = 'This simulated machine runs commands only: ssh <host> <command>\r\n';

export const startSshServer = async (setup: SshServerSetup): Promise<SshServer> => {
  const { Server: SshServerClass, utils } = ssh2;
  const allowed = utils.parseKey(setup.publicKey);
  if (allowed instanceof Error) throw allowed;
  const sockets = new Set<Socket>();
  // OpenSSH's server says its version so; clients choose by it.
  const ssh: Server = new SshServerClass(
    { hostKeys: [setup.hostKey], ident: 'OpenSSH_9.2p1 Debian-2+deb12u5' },
    (client) => serve(client),
  );

  const accepts = (context: AuthContext): boolean => {
    if (context.method !== 'publickey' || setup.user(context.username) === undefined) return false;
    if (context.key.algo !== allowed.type || !context.key.data.equals(allowed.getPublicSSH())) return false;
    return (
      context.signature === undefined ||
      (context.blob !== undefined &&
        allowed.verify(context.blob, context.signature, context.hashAlgo) === true)
    );
  };

  const serve = (client: Connection): void => {
    let user: User | undefined;
    let clientPort = 51_514;
    client.on('error', () => {});
    client.on('authentication', (context) => {
      if (!accepts(context)) {
        context.reject(['publickey']);
        return;
      }
      user = setup.user(context.username);
      context.accept();
    });
    client.on('ready', () => {
      const account = user;
      if (account === undefined) return;
      const { processes } = setup.kernel().guest;
      const listener = setup.kernel().guest.units.get('ssh')?.mainPid ?? 1;
      const privileged = processes.add({
        ppid: listener,
        uid: 0,
        comm: 'sshd',
        args: `sshd: ${account.name} [priv]`,
        rssKb: 11_000,
      });
      const own = processes.add({
        ppid: privileged.pid,
        uid: account.uid,
        gid: account.gid,
        sess: privileged.pid,
        comm: 'sshd',
        args: `sshd: ${account.name}@notty`,
        stat: 'S',
        rssKb: 6_600,
      });
      clientPort += own.pid % 10_000;
      privileged.end = () => client.end();
      own.end = () => client.end();
      client.on('close', () => {
        processes.remove(own.pid);
        processes.remove(privileged.pid);
      });
      client.on('session', (acceptSession) => {
        const session = acceptSession();
        const setEnv: Record<string, string> = {};
        let signal: (name: string) => void = () => {};
        session.on('pty', (_accept, reject) => reject?.());
        session.on('env', (accept, _reject, { key, val }) => {
          if (/^(LANG|LC_\w+)$/.test(key)) setEnv[key] = val;
          accept?.();
        });
        session.on('signal', (accept, _reject, { name }) => {
          signal(name);
          accept?.();
        });
        session.on('shell', (accept) => {
          const channel = accept();
          channel.stderr.write(NO_SHELL);
          channel.exit(1);
          channel.end();
        });
        session.on('exec', (accept, _reject, { command }) => {
          signal = runExec({
            kernel: setup.kernel(),
            user: account,
            command,
            channel: accept(),
            clientPort,
            parent: own.pid,
            setEnv,
          });
        });
      });
      client.on('tcpip', (_accept, reject) => reject());
      client.on('request', (_accept, reject) => reject?.());
    });
  };

  const net: NetServer = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const now = setup.reachability();
    if (now === 'closed') socket.destroy();
    else if (now === 'answers') ssh.injectSocket(socket);
    else socket.resume(); // Read and say nothing, so that the client sees an open connection.
  });
  await new Promise<void>((resolve, reject) => {
    net.once('error', reject);
    net.listen(setup.port, '127.0.0.1', resolve);
  });
  const address = net.address();
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === 'object' && address !== null ? address.port : setup.port,
    dropAll,
    close: async () => {
      dropAll();
      await new Promise<void>((resolve) => net.close(() => resolve()));
    },
  };
};
