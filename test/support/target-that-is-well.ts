// A target that is well, for tests that break one thing of it: a VM behind a real sshd, and the real forced command behind another one, over
// the lab's machine. Each break is real, and is taken back.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createMachine } from '../../lab/machine/machine.ts';
import { prepareHostRoot } from '../../lab/power-host/host-root.ts';
import { endMarkedProcesses } from '../../lab/power-host/leftovers.ts';
import { startQmp } from '../../lab/power-host/qmp.ts';
import { healthy } from '../../lab/scenarios/healthy.ts';
import type { Link, LinkCode } from '../../protocol/doctor.ts';
import type { EvidenceSummary } from '../../protocol/evidence.ts';
import type { EvidenceId, TargetName } from '../../protocol/ids.ts';
import { examine } from '../../server/doctor/examine.ts';
import { type HostParts, hostChain } from '../../server/doctor/host-links.ts';
import { keyLink } from '../../server/doctor/key-link.ts';
import type { OwnSshParts } from '../../server/doctor/own-ssh.ts';
import { type VmParts, vmChain } from '../../server/doctor/vm-links.ts';
import { openControlDir, removeControlDir } from '../../server/ssh/control-dir.ts';
import { silent } from './ssh-parts.ts';
import { type Sshd, startSshd } from './sshd.ts';

const FORCED_COMMAND = path.resolve(import.meta.dirname, '../../host/breakglass-pve');
const DEVVM = 'devvm' as TargetName;

export interface Well {
  readonly dir: string;
  readonly vm: Sshd;
  readonly host: Sshd;
  readonly hostRoot: string;
  readonly knownHosts: string;
  readonly searchPath: string;
  readonly vmParts: VmParts;
  readonly hostParts: HostParts;
  /** Of the console's key, of the VM and of the power host. */
  look(change?: Change): Promise<readonly Link[]>;
  /** A VM with these programs in front of the real ones, and perhaps a shell of its own. Stop it with `keep`. */
  vmWith(programs: Readonly<Record<string, string>>, config?: readonly string[]): Promise<Sshd>;
  close(): Promise<void>;
}

export interface Change {
  readonly vm?: Partial<VmParts>;
  readonly host?: Partial<HostParts>;
  readonly keys?: readonly string[];
  /** Of the chains of the target only this one: the other one shares nothing with it but the key. */
  readonly only?: 'vm' | 'host';
}

const wholeEvidence: EvidenceSummary = {
  id: '20261127T020304.567Z-forensics' as EvidenceId,
  target: DEVVM,
  verb: 'forensics',
  at: new Date().toISOString(),
  status: 'complete',
  bytes: 20_000,
  screen: true,
  summary: 'The VM is healthy.',
};

/** As ssh pins it. */
export const pinOf = (alias: string, publicKeyFile: string): string =>
  `${alias} ${readFileSync(publicKeyFile, 'utf8').split(' ').slice(0, 2).join(' ')}\n`;

export async function startWell(): Promise<Well> {
  const dir = mkdtempSync(path.join(tmpdir(), 'doctor-'));
  const hostRoot = path.join(dir, 'power-host');
  const machine = createMachine(hostRoot, { ...healthy().machine, vmid: 102 });
  prepareHostRoot(hostRoot);
  const qmp = await startQmp(machine, 102);
  const vm = await startSshd();
  const host = await startSshd({ forcedCommand: `${FORCED_COMMAND} --root ${hostRoot} 102` });
  const controlDir = openControlDir(dir);
  const knownHosts = path.join(dir, 'known_hosts');
  writeFileSync(
    knownHosts,
    pinOf('vm-alias', path.join(vm.dir, 'host_key.pub')) +
      pinOf('host-alias', path.join(host.dir, 'host_key.pub')),
  );
  const searchPath = process.env['PATH'] ?? '/usr/bin:/bin';
  const ssh = (keyPath: string, alias: string): OwnSshParts => ({
    authSock: undefined,
    controlDir,
    ownerEnv: {},
    searchPath,
    home: dir,
    logger: silent,
    knownHostsFile: knownHosts,
    keyPath,
    alias,
  });
  const vmParts: VmParts = {
    target: DEVVM,
    vm: { host: vm.host, port: vm.port, user: vm.user },
    observerUser: undefined,
    ssh: ssh(vm.keyPath, 'vm-alias'),
    running: () => undefined,
  };
  const hostParts: HostParts = {
    target: DEVVM,
    powerHost: { host: host.host, port: host.port, user: host.user },
    vmid: 102,
    ssh: ssh(host.keyPath, 'host-alias'),
    // There is one target: nothing is shared.
    once: (_what, _place, look) => look(),
    evidence: async () => [wholeEvidence],
    now: Date.now,
  };
  return {
    dir,
    vm,
    host,
    hostRoot,
    knownHosts,
    searchPath,
    vmParts,
    hostParts,
    look: ({ vm: ofVm, host: ofHost, keys = [vm.keyPath, host.keyPath], only } = {}) =>
      examine([
        { links: [keyLink(keys, { authSock: undefined, searchPath, dir: controlDir })] },
        ...(only === 'host' ? [] : [vmChain({ ...vmParts, ...ofVm })]),
        ...(only === 'vm' ? [] : [hostChain({ ...hostParts, ...ofHost })]),
      ]),
    async vmWith(programs, config = []) {
      const bin = mkdtempSync(path.join(dir, 'bin-'));
      for (const [name, body] of Object.entries(programs)) {
        writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`);
        chmodSync(path.join(bin, name), 0o755);
      }
      mkdirSync(path.join(dir, 'vms'), { recursive: true });
      const own = mkdtempSync(path.join(dir, 'vms/vm-'));
      execFileSync('cp', [
        '-a',
        `${vm.dir}/host_key`,
        `${vm.dir}/host_key.pub`,
        `${vm.dir}/key`,
        `${vm.dir}/key.pub`,
        own,
      ]);
      return startSshd({
        dir: own,
        config: [
          `SetEnv SHLVL=2 PATH=${bin}:/usr/bin:/bin`,
          ...config.map((line) => line.replace('BIN', bin)),
        ],
      });
    },
    async close() {
      await Promise.all([vm.stop(), host.stop()]);
      await endMarkedProcesses(hostRoot);
      await qmp.close();
      removeControlDir(controlDir);
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
}

/** What is as it was when all was well, and what is not: the state, and for what is not checked because of another link that link. */
export function changes(
  links: readonly Link[],
  well: readonly Link[],
): Readonly<Partial<Record<LinkCode, string>>> {
  const before = new Map(well.map(({ code, state }) => [code, state]));
  return Object.fromEntries(
    links
      .filter(({ code, state }) => before.get(code) !== state)
      .map(({ code, state, because }) => [code, because === undefined ? state : `not-checked: ${because}`]),
  );
}
