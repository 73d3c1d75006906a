// A target as a value: one function makes everything of one machine to recover from its configuration. Targets share nothing but the
// place where state is kept, and nothing is asked or connected before somebody wants it.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { PolicyMode } from '../../protocol/approvals.ts';
import type { HostKey, HostKeyAccepted, HostKeyChange, HostKeySide } from '../../protocol/host-keys.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { TargetConfig } from '../config/targets.ts';
import { createEvidence } from '../evidence/evidence.ts';
import type { Evidence } from '../evidence/port.ts';
import { createGuest } from '../guest/guest.ts';
import type { Guest } from '../guest/port.ts';
import type { Journal } from '../journal/port.ts';
import type { Power } from '../power/port.ts';
import { createPower } from '../power/power.ts';
import { createPress, type Press } from '../press/press.ts';
import { createRepeats } from '../press/repeats.ts';
import { createSecondPresses } from '../press/second-press.ts';
import { createDiagnosis, type Diagnosis } from '../readings/diagnosis.ts';
import { knownVm } from '../readings/known-vm.ts';
import { createReadings, stillSays } from '../readings/readings.ts';
import { shutdownBy } from '../readings/shutdown-holder.ts';
import { contradiction, isWorthConfirming } from '../readings/standing-finding.ts';
import type { Keepalive } from '../ssh/arguments.ts';
import { createSshConnection, type SshConnection } from '../ssh/connection.ts';
import { hostKeyAliases } from './host-key-aliases.ts';
import type { HostKeys } from './host-keys.ts';
import { createOwnLooks, type LookRoom } from './own-looks.ts';
import { pastOfTarget } from './past-of-target.ts';
import { changedAtMs, hostKeyChanges, sinceThen, targetState } from './target-state.ts';

export interface Target {
  readonly name: TargetName;
  readonly title: string | undefined;
  readonly policy: PolicyMode;
  readonly guest: Guest;
  readonly power: Power;
  readonly press: Press;
  readonly diagnosis: Diagnosis;
  readonly evidence: Evidence;
  /** Asks both sides now. Resolves within a moment, with what is known then. */
  state(): Promise<TargetState>;
  /** A person reads its state now: as long as somebody does, it is looked at by itself where something is wrong. See own-looks.ts. */
  watched(): void;
  /** For a list: asks only the power host for its status, and only if the last one is old. */
  glance(): Promise<void>;
  /** What is known, without asking anybody. */
  known(): TargetState;
  /** Accepts the host key that one side offers now: see HostKeys. Resolves when that side was asked again, or soon after. */
  acceptHostKey(side: HostKeySide, fingerprint: string): Promise<AcceptedHostKey>;
  /** Asks the power host whose Shutdown holds the VM's lock now; undefined where none does, or nobody can say. */
  shutdownBy(): Promise<string | undefined>;
  /** Ends commands, operations (which go on at the host) and connections. */
  close(): Promise<void>;
}

export interface AcceptedHostKey {
  /** A sentence for the record, and the same as fields. */
  readonly detail: string;
  readonly key: HostKeyAccepted;
  readonly state: TargetState;
}

/** What all targets of a console have in common. */
export interface TargetHouse {
  readonly defaultTarget: TargetConfig;
  readonly policy: PolicyMode;
  readonly dataDir: string;
  readonly controlDir: string | undefined;
  readonly authSock: string | undefined;
  readonly ownerEnv: Readonly<Record<string, string>>;
  readonly searchPath: string;
  readonly home: string;
  readonly hostKeys: HostKeys;
  readonly lookRoom: LookRoom;
  /** Undefined when the journal cannot be opened. */
  readonly journal: Journal | undefined;
  readonly logger: Logger;
}

/** A VM that thrashes is slow to answer and worth waiting for: 20 s of silence are allowed, 6 for the power host. */
const PATIENT: Keepalive = { intervalS: 5, count: 3 };
/** A page wants an answer now. What comes later is in the next answer. */
const PATIENCE_MS = 1_500;
/** Below the 15 s after which a list shows a reading as stale. */
const GLANCE_FRESH_MS = 10_000;
/** For the first look after a new host key. It connects and logs in afresh. */
const LOOK_AFTER_MS = 6_000;
/** An answer that is younger says who holds the lock now. */
const HOLDER_FRESH_MS = 2_000;

/** What a verb is refused for must have been seen within this. The press does not wait for more than a second for a newer look. */
const PRESS_FRESH_MS = 5_000;

export function createTarget(config: TargetConfig, house: TargetHouse): Target {
  const { name, title, vm, observerUser, powerHost, vmid } = config;
  const { dataDir, journal } = house;
  const logger = house.logger.child({ target: name });
  const aliases = hostKeyAliases(config, house.defaultTarget);
  const connect = (
    address: TargetConfig['vm'],
    keyPath: string,
    hostKeyAlias: string,
    keepalive?: Keepalive,
  ): SshConnection =>
    house.hostKeys.add(
      createSshConnection({
        address,
        keyPath,
        authSock: house.authSock,
        knownHostsFile: path.join(dataDir, 'known_hosts'),
        controlDir: house.controlDir,
        ownerEnv: house.ownerEnv,
        searchPath: house.searchPath,
        home: house.home,
        logger,
        hostKeyAlias,
        ...(keepalive === undefined ? {} : { keepalive }),
      }),
    );
  const hostSsh = connect(powerHost, config.powerKeyPath, aliases.powerHost);
  const repairSsh = connect(vm, config.vmKeyPath, aliases.vm, PATIENT);
  const observerSsh =
    observerUser === undefined
      ? undefined
      : connect({ ...vm, user: observerUser }, config.vmKeyPath, aliases.vm, PATIENT);
  const guest = createGuest({
    repair: repairSsh,
    logger,
    ...(observerSsh === undefined ? {} : { observer: observerSsh }),
  });
  const host = { ssh: hostSsh, vmid };
  const evidence = createEvidence({ target: name, ssh: hostSsh, dataDir, journal, logger });
  const readings = createReadings({ host, guest });
  const diagnosis = recorded(
    createDiagnosis({
      target: name,
      host,
      readings,
      evidence,
      verbBeganAtMs: () => power.lastChange()?.beganAtMs,
    }),
    name,
    house,
    logger,
  );
  const power = createPower({
    target: name,
    host,
    journal,
    readings,
    evidence,
    logger,
  });
  const press = createPress({
    target: name,
    power,
    quickTriage: () => diagnosis.quick(),
    async vmNow() {
      await readings.refreshHost(PRESS_FRESH_MS);
      return knownVm(readings.host(), {
        nowMs: Date.now(),
        freshMs: PRESS_FRESH_MS,
        changedAtMs: changedAtMs(power),
      });
    },
    secondPresses: createSecondPresses(),
    repeats: createRepeats((operation) => power.get(operation.id)),
  });
  const past = pastOfTarget(name, journal, (error) =>
    logger.error({ err: error }, 'what happened before cannot be read'),
  );
  const ownLooks = createOwnLooks({
    diagnosis,
    readings,
    known: () => ({
      ...sinceThen({ readings, power, past }),
      found: diagnosis.found() ?? past.found(),
      change: power.lastChange(),
    }),
    room: house.lookRoom,
    logger,
  });
  const keyAcceptedAt = (side: HostKeySide): number =>
    house.hostKeys.acceptedAt(side === 'vm' ? aliases.vm : aliases.powerHost);
  const known = (): TargetState => {
    const found = diagnosis.found();
    const against =
      found === undefined ? undefined : contradiction(found, sinceThen({ readings, power, past }));
    if (found !== undefined && against !== undefined) diagnosis.overtaken(found, against);
    return targetState({ name, title, readings, evidence, power, diagnosis, past, keyAcceptedAt });
  };
  const changeOf = (side: HostKeySide): HostKeyChange | undefined =>
    hostKeyChanges({ readings, keyAcceptedAt }).find((each) => each.side === side);
  /** Only where somebody looks. Resolves when it is confirmed or not, or after the patience of a page. */
  async function confirmFinding(): Promise<void> {
    const found = diagnosis.found();
    if (found === undefined || !isWorthConfirming(found, sinceThen({ readings, power, past }))) return;
    const patience = new AbortController();
    const overdue = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([diagnosis.confirm(), overdue]);
    patience.abort();
  }
  return {
    name,
    title,
    policy: config.policy ?? house.policy,
    guest,
    power,
    press,
    diagnosis,
    evidence,
    async state() {
      await Promise.all([readings.refresh(PATIENCE_MS), confirmFinding()]);
      return known();
    },
    watched: () => ownLooks.watched(),
    glance: () => readings.refreshHost(GLANCE_FRESH_MS),
    known,
    async acceptHostKey(side, fingerprint) {
      const whose = side === 'vm' ? `the VM of ${name}` : `the power host of ${name}`;
      if (changeOf(side) === undefined) await readings.askAnew(side);
      const seen = changeOf(side);
      if (seen === undefined)
        throw new BreakglassError(
          'host-key-refused',
          `The last look at ${whose} found no changed host key. Nothing was done.`,
        );
      const ssh = side === 'vm' ? repairSsh : hostSsh;
      const { before, now } = await house.hostKeys.accept({ ssh, seen, fingerprint, whose });
      const patience = new AbortController();
      const overdue = sleep(LOOK_AFTER_MS, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([readings.askAnew(side), overdue]);
      patience.abort();
      const words = ({ fingerprint: print, type }: HostKey): string => `${print} (${type})`;
      return {
        detail: `A new host key of ${whose} was accepted: ${words(now)} in place of ${before.map(words).join(' and ')}.`,
        key: { target: name, side, before: [...before], now },
        state: known(),
      };
    },
    async shutdownBy() {
      await readings.refreshHost(HOLDER_FRESH_MS);
      return shutdownBy(stillSays(readings.host()));
    },
    async close() {
      ownLooks.close();
      past.close();
      await power.close();
      await guest.close();
      await Promise.all([hostSsh.close(), repairSsh.close(), observerSsh?.close()]);
    },
  };
}

/**
 * What triage found is recorded, so that a restart does not forget it. Whoever asks within a session records it there (the agent, an
 * alert), and what several were told at once is recorded once.
 */
function recorded(
  diagnosis: Diagnosis,
  target: TargetName,
  { journal }: Pick<TargetHouse, 'journal'>,
  logger: Logger,
): Diagnosis {
  let last: TriageReport | undefined;
  return {
    ...diagnosis,
    async triage(cause) {
      const report = await diagnosis.triage(cause);
      if (cause.session_id !== undefined || report === last) return report;
      last = report;
      // Nobody waits for it, and a full disk keeps the report from nobody.
      void journal
        ?.append([{ kind: 'finding', report, actor: cause.by, target }])
        .catch((error: unknown) => logger.warn({ err: error }, 'a finding is not recorded'));
      return report;
    },
  };
}
