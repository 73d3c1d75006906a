// All chains of this console: made afresh for each examination from the configuration and from what the other rooms know.
import type { Logger } from 'pino';
import type { TargetName } from '../../protocol/ids.ts';
import type { Config } from '../config/config.ts';
import type { TargetConfig } from '../config/targets.ts';
import type { Journal } from '../journal/port.ts';
import { hostKeyAliases } from '../targets/host-key-aliases.ts';
import type { Targets } from '../targets/targets.ts';
import { type AgentParts, agentChain } from './agent-links.ts';
import { askedLately } from './asked-lately.ts';
import { type ChannelParts, channelChain, type LastDrill } from './channel-links.ts';
import { type ConsoleParts, consoleChain } from './console-links.ts';
import { type EdgeParts, edgeChain } from './edge-links.ts';
import { hostChain } from './host-links.ts';
import { type KeyParts, keyLink } from './key-link.ts';
import type { Chain } from './link.ts';
import { type OnceEach, onceEach } from './once-each.ts';
import type { OwnSshParts } from './own-ssh.ts';
import { vmChain } from './vm-links.ts';

export interface ChainParts {
  readonly config: Config;
  readonly warnings: readonly string[];
  readonly dataDir: ConsoleParts['dataDir'];
  /** The pinned host keys, which are only read. */
  readonly knownHostsFile: string;
  readonly controlDir: string | undefined;
  readonly ownerEnv: Readonly<Record<string, string>>;
  readonly whyPowerOnly: string | undefined;
  readonly journalTroubles: () => readonly string[];
  readonly targets: Targets;
  readonly agent: Pick<AgentParts, 'askOnce' | 'binary'>;
  readonly traffic: EdgeParts['traffic'];
  readonly channels: Pick<ChannelParts, 'notify' | 'pushDevices' | 'audit' | 'lastDrills'>;
  readonly logger: Logger;
}

export function chainsOf(parts: ChainParts): (only: TargetName | undefined) => readonly Chain[] {
  const askOnce = askedLately(parts.agent.askOnce);
  return (only) => {
    const { config } = parts;
    const { all } = config.targets;
    const ofDefault = all.find(({ name }) => name === config.targets.default) ?? all[0];
    const key: KeyParts = {
      authSock: config.authSock,
      searchPath: config.searchPath,
      dir: parts.controlDir,
    };
    const common = ofDefault === undefined ? [] : keysOf(ofDefault);
    const once = onceEach();
    return [
      consoleChain({ ...parts, sshKey: keyLink(common, key) }),
      agentChain({
        ...parts.agent,
        askOnce,
        credentials: config.agent.credentials,
        model: config.agent.model,
      }),
      edgeChain({
        publicUrls: config.access.publicUrls,
        trustedProxies: config.access.trustedProxies,
        identityHeader: config.access.identityHeader,
        signedHeader: config.access.signed?.header,
        traffic: parts.traffic,
        ownCertificate: config.tls?.cert,
        now: Date.now,
      }),
      channelChain({ ...parts.channels, targets: all.map(({ name }) => name), now: Date.now }),
      ...all
        .filter(({ name }) => only === undefined || name === only)
        .flatMap((target) =>
          chainsOfTarget(target, parts, key, { common, once, ofDefault: ofDefault ?? target }),
        ),
    ];
  };
}

const keysOf = ({ vmKeyPath, powerKeyPath }: TargetConfig): readonly string[] => [
  ...new Set([vmKeyPath, powerKeyPath]),
];

function chainsOfTarget(
  config: TargetConfig,
  parts: ChainParts,
  key: KeyParts,
  {
    common,
    once,
    ofDefault,
  }: { readonly common: readonly string[]; readonly once: OnceEach; readonly ofDefault: TargetConfig },
): readonly Chain[] {
  const { name, vm, observerUser, powerHost, vmid } = config;
  const target = parts.targets.named(name);
  const aliases = hostKeyAliases(config, ofDefault);
  const ssh = (keyPath: string, alias: string): OwnSshParts => ({
    authSock: parts.config.authSock,
    controlDir: parts.controlDir,
    ownerEnv: parts.ownerEnv,
    searchPath: parts.config.searchPath,
    home: parts.config.home,
    logger: parts.logger,
    knownHostsFile: parts.knownHostsFile,
    keyPath,
    alias,
  });
  const own = keysOf(config).filter((file) => !common.includes(file));
  return [
    ...(own.length === 0 ? [] : [{ target: name, links: [keyLink(own, key)] }]),
    vmChain({
      target: name,
      vm,
      observerUser,
      ssh: ssh(config.vmKeyPath, aliases.vm),
      running: () => target.power.running(),
    }),
    hostChain({
      target: name,
      powerHost,
      vmid,
      ssh: ssh(config.powerKeyPath, aliases.powerHost),
      once,
      evidence: () => target.evidence.list(),
      now: Date.now,
    }),
  ];
}

/** How far back drills are looked for: one a day for as many targets as a console has. */
const DRILLS_READ = 2_000;

export async function lastDrillsIn(journal: Pick<Journal, 'newest'>): Promise<readonly LastDrill[]> {
  const found = new Map<TargetName, LastDrill>();
  for (const event of await journal.newest({ kinds: ['drilled'] }, DRILLS_READ)) {
    if (event.kind !== 'drilled' || event.target === undefined || found.has(event.target)) continue;
    const { target, at, ok, steps } = event;
    found.set(target, { target, at, ok, failed: steps.filter((step) => !step.ok).map(({ name }) => name) });
  }
  return [...found.values()];
}
