// The way into one target's VM: from the port to a shell that is root where it must be and only looks where it must not.
import type { TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { HostAddress } from '../config/targets.ts';
import { probe } from '../guest/probe.ts';
import type { SshConnection, SshResult } from '../ssh/connection.ts';
import { lastLine } from '../ssh/failure.ts';
import { publicKeyOf } from './key-link.ts';
import {
  broken,
  type Chain,
  doubtful,
  type LinkLook,
  notChecked,
  notUsed,
  type Seen,
  works,
} from './link.ts';
import { type OwnSshParts, shared } from './own-ssh.ts';
import { bannerOf, lookAtRoute } from './reach.ts';

export interface VmParts {
  readonly target: TargetName;
  readonly vm: HostAddress;
  readonly observerUser: string | undefined;
  readonly ssh: OwnSshParts;
  /** The mutating verb that is at work on it: then what is seen of the VM says nothing. */
  readonly running: () => Operation | undefined;
}

/** A VM that thrashes may take this long to log anybody in. */
const LOGIN_LIMIT_MS = 13_000;
const COMMAND_LIMIT_MS = 12_000;
/** A certificate, a token or a journal is minutes off then. */
const CLOCK_DOUBTFUL_S = 60;
const CLOCK_BROKEN_S = 600;

const INSTALL = 'host/install-vm --key breakglass-key.pub --from ADDRESS-OF-THIS-CONSOLE';

export function vmChain({ target, vm, observerUser, ssh, running }: VmParts): Chain {
  const own = shared(ssh);
  const repair = async (): Promise<SshConnection> => (await own.open()).to(vm);
  const links: readonly LinkLook[] = [
    {
      code: 'vm-route',
      title: 'Way to the VM',
      needs: [],
      look: (signal) =>
        lookAtRoute(
          vm,
          'The VM',
          'Start the VM where it is stopped (see the power buttons); else look at its address, its network and what filters on the way.',
          signal,
        ),
    },
    {
      code: 'vm-banner',
      title: "The VM's SSH server answers",
      needs: ['vm-route'],
      async look(signal) {
        const banner = await bannerOf(vm, signal);
        return banner === undefined
          ? broken(
              `${vm.host} port ${vm.port} accepts connections, and no SSH server says anything there.`,
              'In the VM: `systemctl restart ssh`; `ss -ltnp` shows what listens on that port.',
            )
          : works(`It says ${banner.slice(0, 100)}.`);
      },
    },
    {
      code: 'vm-host-key',
      title: "The VM's host key",
      needs: ['vm-banner'],
      look: async () => (await own.open()).lookAtHostKey(vm, 'The VM'),
    },
    {
      code: 'vm-repair',
      title: 'Login of the repair account',
      needs: ['ssh-key', 'vm-host-key'],
      look: async () => login(await repair(), vm, ssh),
    },
    {
      code: 'vm-observer',
      title: 'Login of the observer account',
      needs: ['ssh-key', 'vm-host-key'],
      async look(signal) {
        if (observerUser === undefined)
          return notUsed('There is no observer account: every command in the VM counts as repair.');
        const address = { ...vm, user: observerUser };
        const observer = (await own.open()).to(address);
        const seen = await login(observer, address, ssh);
        return seen.state === 'works' ? lookAtPowers(observer, observerUser, signal) : seen;
      },
    },
    {
      code: 'vm-sudo',
      title: 'sudo of the repair account',
      needs: ['vm-repair'],
      look: async (signal) => lookAtSudo(await repair(), vm.user, signal),
    },
    {
      code: 'vm-shell',
      title: 'Shell of the repair account',
      needs: ['vm-repair'],
      look: async (signal) => lookAtShell(await repair(), vm.user, signal),
    },
    {
      code: 'vm-clock',
      title: "The VM's clock",
      needs: ['vm-repair'],
      look: async (signal) => lookAtClock(await repair(), signal),
    },
  ];
  return { target, links: links.map((link) => quietly(link, running)), end: own.end };
}

/** A VM that is being stopped or started is not broken. */
const quietly = (link: LinkLook, running: VmParts['running']): LinkLook => ({
  ...link,
  async look(signal) {
    const before = running();
    const seen = before === undefined ? await link.look(signal) : undefined;
    const verb = before ?? (seen?.state === 'broken' ? running() : undefined);
    return verb === undefined && seen !== undefined
      ? seen
      : notChecked(`A verb runs (${verb?.verb} by ${verb?.by.name}): look again when it is over.`);
  },
});

/** The account, the key and a program that runs there. */
async function login(ssh: SshConnection, { user }: HostAddress, parts: OwnSshParts): Promise<Seen> {
  const probed = await probe(ssh, LOGIN_LIMIT_MS);
  if (probed.answers) return works(`${user} logs in and runs a program, in ${probed.ms} ms.`);
  if (probed.refusal === 'key') {
    const key = await publicKeyOf(parts.keyPath, parts.searchPath);
    return broken(
      probed.detail,
      `In the VM, as root: \`${INSTALL}\`. By hand: ${key === undefined ? 'the public key' : `\`${key}\``} belongs into ~${user}/.ssh/authorized_keys (mode 600, owner ${user}), and from= there must allow this console.`,
    );
  }
  if (probed.refusal === 'runs-nothing')
    return broken(
      probed.detail,
      `In the VM \`getent passwd ${user}\` must end with a shell: \`usermod -s /bin/bash ${user}\``,
    );
  return broken(
    probed.detail,
    `In the VM: \`journalctl -u ssh -n 50\` says what its SSH server thinks of it.`,
  );
}

interface Ran extends SshResult {
  readonly stdout: string;
}

async function ran(ssh: SshConnection, command: string, signal: AbortSignal): Promise<Ran> {
  let stdout = '';
  const ended = await ssh.run({
    command,
    timeoutMs: COMMAND_LIMIT_MS,
    signal,
    onStdout: (chunk) => {
      if (stdout.length < 4_096) stdout += chunk.toString('latin1');
    },
  });
  return { ...ended, stdout };
}

const hung = (what: string): Seen =>
  broken(
    `${what} did not come back within ${COMMAND_LIMIT_MS / 1_000} s.`,
    'In the VM: `uptime`, and what hangs: `ps -eo state,pid,cmd | grep ^D`',
  );

async function lookAtSudo(ssh: SshConnection, user: string, signal: AbortSignal): Promise<Seen> {
  const sudo = await ran(ssh, 'sudo -n true', signal);
  if (sudo.exitCode === 0) return works(`${user} is root by sudo, without a password.`);
  if (sudo.how !== 'exited') return hung('sudo');
  const id = await ran(ssh, 'id -u', signal);
  if (/^0$/m.test(id.stdout)) return works(`${user} is root itself.`);
  const said = lastLine(sudo.stderrTail, 200);
  return broken(
    `${user} cannot become root: ${said || `sudo ended with exit code ${sudo.exitCode}`}`,
    `In the VM, as root: \`${INSTALL}\`. By hand: \`echo '${user} ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/breakglass && chmod 440 /etc/sudoers.d/breakglass && visudo -c\``,
  );
}

/** An observer who can do everything is what policy `observe` does not expect. Plain enough for any shell. */
async function lookAtPowers(ssh: SshConnection, user: string, signal: AbortSignal): Promise<Seen> {
  const id = await ran(ssh, 'id -u', signal);
  const sudo = await ran(ssh, 'sudo -n true', signal);
  const isRoot = /^0$/m.test(id.stdout);
  if (!isRoot && sudo.exitCode !== 0) return works(`${user} logs in, and only looks.`);
  return doubtful(
    `${user} is to look only, and ${isRoot ? 'is root' : 'may do anything by sudo'}: policy observe keeps nothing from it.`,
    `In the VM, as root: \`${INSTALL}\` makes it an account that only looks. Its line in /etc/sudoers.d must name single programs, not ALL.`,
  );
}

/** Assignment, substitution and arithmetic: fish, csh and nu fail at one of them. */
const POSIX = 'x=$(printf %s ok) && [ "$((1+1))" -eq 2 ] && printf \'%s-%s\\n\' breakglass "$x"';

async function lookAtShell(ssh: SshConnection, user: string, signal: AbortSignal): Promise<Seen> {
  const { how, stdout, exitCode, stderrTail } = await ran(ssh, POSIX, signal);
  if (how !== 'exited') return hung('A line of shell');
  if (stdout.includes('breakglass-ok')) return works(`The login shell of ${user} reads POSIX.`);
  const said = stderrTail.trim().split('\n')[0]?.slice(0, 200) ?? '';
  return broken(
    `The login shell of ${user} does not read POSIX (exit code ${exitCode}${said === '' ? '' : `: ${said}`}): runbooks and the agent's commands fail there.`,
    `In the VM: \`usermod -s /bin/bash ${user}\``,
  );
}

async function lookAtClock(ssh: SshConnection, signal: AbortSignal): Promise<Seen> {
  const beganMs = Date.now();
  const { how, stdout } = await ran(ssh, 'date +%s', signal);
  const endedMs = Date.now();
  if (how !== 'exited') return hung('date');
  const there = /^\d{9,11}$/m.exec(stdout)?.[0];
  if (there === undefined)
    return broken('The VM does not say what time it is.', 'In the VM: `date +%s` must print a number.');
  // It was read at some moment between the two; a second is what `date` cuts off.
  const at = Number(there);
  const [early, late] = [Math.floor(beganMs / 1_000) - 1, Math.ceil(endedMs / 1_000)];
  const off = at < early ? at - early : at > late ? at - late : 0;
  const words = `The VM's clock is ${Math.abs(off)} s ${off < 0 ? 'behind' : 'ahead of'} this console's`;
  const remedy =
    'See which of the two is wrong: `date -u` on both. Then there: `timedatectl set-ntp true; systemctl restart systemd-timesyncd` (or chrony).';
  if (Math.abs(off) > CLOCK_BROKEN_S) return broken(`${words}.`, remedy);
  if (Math.abs(off) > CLOCK_DOUBTFUL_S) return doubtful(`${words}.`, remedy);
  return works(off === 0 ? "The VM's clock and this console's agree." : `${words}, which does no harm.`);
}
