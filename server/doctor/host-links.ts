// One target's power path: from the port of the power host to what the forced command answers. Only the word `status`, and one that is
// none, are ever sent.
import type { EvidenceSummary } from '../../protocol/evidence.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { HostAddress } from '../config/targets.ts';
import { NO_VERB, REJECTED, sendNoVerb } from '../power-host/no-verb.ts';
import type { HostStatus } from '../power-host/output.ts';
import { runVerb, STATUS_LIMIT_MS, statusAnswer } from '../power-host/run-verb.ts';
import { versionWarning } from '../power-host/version.ts';
import type { SshResult } from '../ssh/connection.ts';
import { publicKeyOf } from './key-link.ts';
import { broken, type Chain, doubtful, type LinkLook, notChecked, type Seen, works } from './link.ts';
import type { OnceEach } from './once-each.ts';
import { type OwnSshParts, shared } from './own-ssh.ts';
import { lookAtRoute, ownAddressFor } from './reach.ts';

export interface HostParts {
  readonly target: TargetName;
  readonly powerHost: HostAddress;
  /** The VM that the path must be for; undefined when any will do. */
  readonly vmid: number | undefined;
  readonly ssh: OwnSshParts;
  /** Targets on one power host share what is asked of it without a login: see OnceEach. */
  readonly once: OnceEach;
  /** Of this target, newest first. */
  readonly evidence: () => Promise<readonly EvidenceSummary[]>;
  readonly now: () => number;
}

const LOGIN_LIMIT_MS = 13_000;
/** What the host's script wants free before it captures: host/lib/evidence.bash. */
const CAPTURE_NEEDS_MB = 64;
const LITTLE_MB = 512;
const OLD_MS = 90 * 86_400_000;

export function hostChain({ target, powerHost, vmid, ssh, once, evidence, now }: HostParts): Chain {
  const own = shared(ssh);
  const at = { host: powerHost, vmid, ssh };
  let rejected: SshResult | undefined;
  let said: { readonly status: HostStatus; readonly version: string | undefined } | undefined;
  const links: readonly LinkLook[] = [
    {
      code: 'power-route',
      title: 'Way to the power host',
      needs: [],
      look: (signal) =>
        once('route', powerHost, () =>
          lookAtRoute(
            powerHost,
            'The power host',
            'Look at its address, its network and what filters on the way. If the machine itself is down: docs/runbook.md, the cold case.',
            signal,
          ),
        ),
    },
    {
      code: 'power-host-key',
      title: "The power host's host key",
      needs: ['power-route'],
      look: () =>
        once('key', powerHost, async () => (await own.open()).lookAtHostKey(powerHost, 'The power host')),
    },
    {
      code: 'power-login',
      title: 'Login on the power host',
      needs: ['ssh-key', 'power-host-key'],
      async look(signal) {
        const ended = await sendNoVerb((await own.open()).to(powerHost), LOGIN_LIMIT_MS, signal);
        rejected = ended;
        return ended.how === 'exited' || ended.reached === 'logged-in'
          ? works(`${powerHost.user} is let in with our key.`)
          : refusedLogin(ended, at);
      },
    },
    {
      code: 'power-junk',
      title: 'What is no verb is rejected',
      needs: ['power-login'],
      look: async () => lookAtRejection(rejected, at),
    },
    {
      code: 'power-status',
      title: 'The verb status',
      needs: ['power-junk'],
      // Ours is never shorter than the host's own.
      limitMs: STATUS_LIMIT_MS + 2_000,
      async look(signal) {
        const ssh = (await own.open()).to(powerHost);
        const answer = statusAnswer(
          await runVerb(ssh, 'status', { timeoutMs: STATUS_LIMIT_MS, signal }),
          vmid,
        );
        if (answer.status === undefined)
          return broken(
            `status does not work: ${answer.detail}`,
            answer.otherVm === undefined
              ? 'On the power host, as root: `SSH_ORIGINAL_COMMAND=status /usr/local/lib/breakglass/breakglass-pve VMID` shows the same, with what fails.'
              : `Correct power.user, power.key or power.vmid of ${target} (BREAKGLASS_PVE_USER, BREAKGLASS_PVE_VMID): the account decides which VM a verb reaches.`,
          );
        said = answer;
        const { vmState, qmp, vm } = answer.status;
        return works(
          `VM ${vm ?? vmid ?? ''} is ${vmState}${qmp === undefined ? '' : `, QEMU ${qmp}`}.`.replace(
            '  ',
            ' ',
          ),
        );
      },
    },
    {
      code: 'power-version',
      title: "Version of the host's script",
      needs: ['power-status'],
      async look() {
        const version = said?.version;
        const [warning] = versionWarning(version);
        const remedy = `Copy host/ of this console's version over, and on the power host: \`host/install ${install(vmid)}\`. It changes only what is not as asked.`;
        if (version === undefined) return doubtful('The script does not say its version.', remedy);
        return warning === undefined
          ? works(`breakglass-pve ${version}, as expected.`)
          : doubtful(warning, remedy);
      },
    },
    {
      code: 'power-source',
      title: 'The address that the power host sees',
      needs: ['power-status'],
      look: () => lookAtSource(said?.status.caller, powerHost),
    },
    {
      code: 'power-space',
      title: 'Space for evidence on the power host',
      needs: ['power-status'],
      look: async () => lookAtSpace(said?.status.freeMb),
    },
    {
      code: 'power-evidence',
      title: 'Evidence comes whole',
      needs: [],
      look: async () => lookAtEvidence((await evidence())[0], now(), target),
    },
  ];
  return { target, links, end: own.end };
}

interface At {
  readonly host: HostAddress;
  readonly vmid: number | undefined;
  readonly ssh: OwnSshParts;
}

const install = (vmid: number | undefined, from = 'ADDRESS-OF-THIS-CONSOLE'): string =>
  `--vmid ${vmid ?? 'VMID'} --key breakglass-key.pub --from ${from}`;

/** Whether `from=` is the reason the host tells nobody but its own log. */
async function refusedLogin(ended: SshResult, { host, vmid, ssh }: At): Promise<Seen> {
  const why =
    ended.detail || `${host.user}@${host.host} did not let us in within ${LOGIN_LIMIT_MS / 1_000} s.`;
  if (ended.failure?.refusal !== 'key')
    return broken(why, 'On the power host: `journalctl -u ssh -n 50` says what its SSH server thinks of it.');
  const from = await ownAddressFor(host);
  const key = await publicKeyOf(ssh.keyPath, ssh.searchPath);
  return broken(
    `${why} Here this console comes from ${from ?? 'an address that is not known'} (something on the way may translate it); from= there must allow that address.`,
    `On the power host: \`journalctl -u ssh -n 50\` says whether the address or the key is refused. Then: \`host/install ${install(vmid, from)}\` with ${key === undefined ? 'our public key' : `this public key: \`${key}\``}`,
  );
}

async function lookAtRejection(ended: SshResult | undefined, { host, vmid, ssh }: At): Promise<Seen> {
  if (ended?.how !== 'exited')
    return broken(
      `The power host let us in, and gave no answer to a word that is no verb within ${LOGIN_LIMIT_MS / 1_000} s.`,
      'On the power host: a greeting or a shell start file of that account may hang; log in as it from the console of the host.',
    );
  if (ended.exitCode === REJECTED) return works(`It rejects ${NO_VERB} with exit code ${REJECTED}.`);
  const key = await publicKeyOf(ssh.keyPath, ssh.searchPath);
  const from = await ownAddressFor(host);
  return broken(
    `The power host answered ${ended.exitCode ?? 'nothing'} to a word that is no verb, and must answer ${REJECTED}: our key is not held to the forced command, and may open a shell.`,
    `On the power host: \`host/install ${install(vmid, from)}\`. By hand, in the account's authorized_keys: \`command="/usr/local/lib/breakglass/breakglass-pve ${vmid ?? 'VMID'}",restrict,from="${from ?? 'ADDRESS'}" ${key ?? 'ssh-ed25519 …'}\``,
  );
}

async function lookAtSource(caller: string | undefined, host: HostAddress): Promise<Seen> {
  if (caller === undefined || caller === 'unknown')
    return notChecked(
      caller === undefined
        ? "This host's script does not say which address it sees."
        : 'The host could not tell which address we come from.',
      'Install the script of this version on the host; then it says so.',
    );
  const own = await ownAddressFor(host);
  const seen = `The host sees this console come from ${caller.slice(0, 60)}, and lets it in`;
  return works(
    own === undefined || own === caller
      ? `${seen}.`
      : `${seen}; here the address is ${own}, so something on the way translates it. from= there must name the former.`,
  );
}

function lookAtSpace(freeMb: number | undefined): Seen {
  if (freeMb === undefined)
    return notChecked(
      "This host's script does not say what is free there for evidence.",
      'On the power host: `df -h /var/lib/breakglass`. The script of this version says it by itself.',
    );
  const remedy = 'On the power host: `df -h /var/lib/breakglass`, and make room there.';
  if (freeMb < CAPTURE_NEEDS_MB)
    return broken(
      `Only ${freeMb} MiB are free there for evidence, and a capture needs ${CAPTURE_NEEDS_MB}.`,
      remedy,
    );
  return freeMb < LITTLE_MB
    ? doubtful(`${freeMb} MiB are free there for evidence, which is little.`, remedy)
    : works(`${freeMb} MiB are free there for evidence.`);
}

/** Nothing is captured for this: what came last is judged. */
function lookAtEvidence(last: EvidenceSummary | undefined, nowMs: number, target: TargetName): Seen {
  const drill = `Run a drill: \`breakglass drill ${target}\`, or Drill on the page. It captures evidence, and changes nothing.`;
  if (last === undefined) return doubtful('No evidence of this target was ever kept here.', drill);
  const days = Math.floor((nowMs - Date.parse(last.at)) / 86_400_000);
  const which = `The last evidence, ${last.id} (${days <= 0 ? 'today' : `${days} days ago`}),`;
  if (last.status === 'damaged')
    return broken(`${which} did not come whole: ${last.why ?? 'the reason is not known.'}`, drill);
  return nowMs - Date.parse(last.at) > OLD_MS
    ? doubtful(`${which} came whole, and is old.`, drill)
    : works(`${which} came whole, ${Math.ceil(last.bytes / 1_024)} kB.`);
}
