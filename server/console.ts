// The console: config → parts. Everything that has a lifetime is made here and closed here, in the reverse order.
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Me } from '../protocol/me.ts';
import { Access, type Identity } from './access/access.ts';
import { createAgentDriver } from './agent/driver.ts';
import type { AgentDriver } from './agent/port.ts';
import type { Config } from './config.ts';
import { createEvidence } from './evidence/evidence.ts';
import { createGuest } from './guest/guest.ts';
import { buildApp } from './http/app.ts';
import type { Journal } from './journal/port.ts';
import { openJournal } from './journal/sqlite.ts';
import { verbBudget } from './policy/budget.ts';
import { createConfirmations } from './power/confirmations.ts';
import { createPower } from './power/power.ts';
import { createTargetWatch, type TargetWatch } from './power/target-state.ts';
import { DataDirInUse, type DataDirLock, lockDataDir } from './processes/data-dir-lock.ts';
import { ownerMark, reapOrphans } from './processes/owner.ts';
import { Sessions } from './sessions/sessions.ts';
import type { Keepalive } from './ssh/arguments.ts';
import { createSshConnection, type SshConnection } from './ssh/connection.ts';
import { openControlDir, removeControlDir } from './ssh/control-dir.ts';
import { isKeyFile } from './ssh/key-file.ts';

/** A VM that thrashes is slow to answer and still worth waiting for: 20 s of silence, not the power host's 6. */
const PATIENT: Keepalive = { intervalS: 5, count: 3 };

export interface Console {
  readonly app: FastifyInstance;
  readonly warnings: readonly string[];
  /** Why there is no agent and no session, if so. */
  readonly whyPowerOnly: string | undefined;
  /** Ends turns (as interrupted), processes and connections, then the journal. */
  close(): Promise<void>;
}

/**
 * Finished when the console may be let listen: what a dead server left behind is ended and closed. The lock comes before
 * all of that: nothing of a living server is touched. Throws `DataDirInUse`.
 */
export async function createConsole(config: Config, logger: Logger): Promise<Console> {
  const { dataDir, lock, whyNot } = claimDir(config.dataDir, logger);
  const reaped = await reapOrphans(dataDir);
  for (const { pid, command } of reaped.ended)
    logger.warn({ pid, command }, 'ended a process of a dead server');
  const ownerEnv = ownerMark(dataDir);
  const { journal, why } =
    whyNot === undefined ? tryJournal(dataDir, logger) : { journal: undefined, why: whyNot };

  const controlDir = openControlDir(dataDir);
  const connect = (
    address: Config['target']['vm'],
    hostKeyAlias: string,
    keepalive?: Keepalive,
  ): SshConnection =>
    createSshConnection({
      ...(keepalive === undefined ? {} : { keepalive }),
      address,
      keyPath: config.ssh.keyPath,
      authSock: config.ssh.authSock,
      knownHostsFile: path.join(dataDir, 'known_hosts'),
      controlDir,
      ownerEnv,
      searchPath: config.searchPath,
      home: config.home,
      logger,
      hostKeyAlias,
    });
  const { vm, observerUser, powerHost, name: target, verbTimeoutMs } = config.target;
  const hostSsh = connect(powerHost, 'breakglass-power-host');
  const repairSsh = connect(vm, 'breakglass-vm', PATIENT);
  const observerSsh =
    observerUser === undefined ? undefined : connect({ ...vm, user: observerUser }, 'breakglass-vm', PATIENT);
  const guest = createGuest({
    repair: repairSsh,
    ...(observerSsh === undefined ? {} : { observer: observerSsh }),
    logger,
  });
  const evidence = createEvidence({ target, ssh: hostSsh, dataDir, journal, logger });
  const power = createPower({
    target,
    ssh: hostSsh,
    journal,
    evidence,
    // The watch needs power, so it is made after it.
    quickTriage: () => watch.quick(),
    sshNow: () => watch.sshNow(),
    // What a verb sees when it checks its outcome is what everybody sees next.
    guestProbe: async (limitMs, signal) => {
      const probed = await guest.probe(limitMs, signal);
      watch.noteSsh(probed);
      return probed;
    },
    config: { verbTimeoutMs },
    logger,
  });
  const watch: TargetWatch = createTargetWatch({ target, ssh: hostSsh, guest, power, evidence });

  const agent: AgentDriver | undefined =
    journal === undefined
      ? undefined
      : createAgentDriver({
          config: config.agent,
          dataDir,
          searchPath: config.searchPath,
          ownerEnv,
          guest,
          power,
          triage: (cause) => watch.triage(cause),
          quickTriage: () => watch.quick(),
          policyMode: () => config.policy.mode,
          verbBudget: () => verbBudget(journal, target),
          vmStopped: async () => (await watch.state()).vm.state === 'stopped',
          targetAliases: { vm: target, powerHost: 'pve' },
          logger,
        });
  const sessions =
    journal === undefined || agent === undefined
      ? undefined
      : new Sessions({
          journal,
          agent,
          target,
          maxConcurrentTurns: config.agent.maxConcurrentTurns,
          turnTimeoutMs: config.agent.turnTimeoutMs,
          logger,
        });
  // A disk that is full now may have room later: no reason not to start.
  await sessions
    ?.recover()
    .catch((error: unknown) => logger.error({ err: error }, 'open turns could not be closed'));
  // Asks the host, so it must not hold up the start.
  const recovering = power
    .recover()
    .catch((error: unknown) => logger.error({ err: error }, 'open operations could not be closed'));

  const warnings = warningsOf(config, agent?.unavailable());
  const describe = ({ name, how }: Identity): Me => {
    const agentWhy = agent === undefined ? why : agent.unavailable();
    return {
      name,
      how,
      mode: sessions === undefined ? 'power-only' : 'full',
      ...(why === undefined ? {} : { why }),
      lab: config.lab,
      policy: { mode: config.policy.mode, ask_pending: config.policy.askPending },
      agent: {
        available: agentWhy === undefined,
        ...(agentWhy === undefined ? {} : { why: agentWhy }),
        model: config.agent.model,
      },
      target: { name: target },
      warnings,
      keys: { present: hasKey(config) },
    };
  };

  const app = await buildApp({
    access: new Access(config.access),
    conversation: sessions === undefined || journal === undefined ? undefined : { sessions, journal },
    whyPowerOnly: why,
    power,
    target,
    evidence,
    triage: (cause) => watch.triage(cause),
    quickTriage: () => watch.quick(),
    confirmations: createConfirmations(),
    state: () => watch.state(),
    describe,
    verbTimeoutMs,
    keepaliveMs: config.keepaliveMs,
    webDir: config.webDir,
    tls:
      config.tls === undefined
        ? undefined
        : { cert: readFileSync(config.tls.cert), key: readFileSync(config.tls.key) },
    logger,
  });
  // The first verb and the first command of an incident find their connections standing.
  void hostSsh.warm(5_000);

  return {
    app,
    warnings,
    whyPowerOnly: why,
    async close() {
      await sessions?.close();
      await app.close();
      await agent?.close();
      await power.close();
      await recovering;
      await guest.close();
      await Promise.all([hostSsh.close(), repairSsh.close(), observerSsh?.close()]);
      removeControlDir(controlDir);
      await journal?.close();
      lock?.release();
    },
  };
}

interface Place {
  readonly dataDir: string;
  readonly lock: DataDirLock | undefined;
  /** Why nothing is recorded: without the lock another server might be writing here. */
  readonly whyNot: string | undefined;
}

/** Processes and known hosts need a place even where the data directory cannot be had: power must work then too. */
function claimDir(dir: string, logger: Logger): Place {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    accessSync(dir, constants.W_OK);
    return { dataDir: dir, lock: lockDataDir(dir), whyNot: undefined };
  } catch (error) {
    if (error instanceof DataDirInUse) throw error;
    const whyNot = `The data directory ${dir} cannot be written: ${error instanceof Error ? error.message : String(error)}. Make it writable (space, owner, mount) and restart to get the agent back; the power buttons work.`;
    const instead = temporaryDir();
    logger.error(
      { err: error },
      `power only. ${whyNot} ${instead === undefined ? 'No temporary directory can be written either: host keys are not remembered.' : `Running state goes to ${instead} and is lost with it.`}`,
    );
    // One that is not there: whoever wants to write in it fails by itself, and ssh works without.
    return { dataDir: instead ?? path.join(dir, 'not-writable'), lock: undefined, whyNot };
  }
}

function temporaryDir(): string | undefined {
  for (const base of [tmpdir(), '/dev/shm']) {
    try {
      return mkdtempSync(path.join(base, 'breakglass-'));
    } catch {
      // The next one.
    }
  }
  return undefined;
}

function tryJournal(
  dataDir: string,
  logger: Logger,
): { journal: Journal | undefined; why: string | undefined } {
  try {
    const onFollowerFailure = (error: unknown): void =>
      logger.error({ err: error }, 'a follower of the journal failed');
    return { journal: openJournal(dataDir, { onFollowerFailure }), why: undefined };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    logger.error({ err: error }, 'the journal cannot be opened: power only');
    return { journal: undefined, why };
  }
}

const hasKey = ({ ssh }: Config): boolean => ssh.authSock !== undefined || isKeyFile(ssh.keyPath);

function warningsOf(config: Config, agentUnavailable: string | undefined): string[] {
  const warnings: string[] = [];
  if (agentUnavailable !== undefined) warnings.push(`The agent is not available. ${agentUnavailable}`);
  const everyone = config.access.trustedProxies.filter((cidr) => cidr.endsWith('/0'));
  if (everyone.length > 0)
    warnings.push(
      `BREAKGLASS_TRUSTED_PROXIES contains ${everyone.join(' and ')}: whoever reaches this port is who they say they are.`,
    );
  if (!hasKey(config))
    warnings.push(
      `No SSH key at ${config.ssh.keyPath} and no ssh-agent: neither the VM nor the power host can be reached.`,
    );
  if (config.policy.askPending)
    warnings.push(
      'Policy ask is not built yet: the agent runs as autonomous, within its budget for verbs. Set BREAKGLASS_POLICY=observe to hold it back.',
    );
  if (config.target.observerUser === undefined)
    warnings.push(
      'No observer account (BREAKGLASS_DEVVM_OBSERVER_USER): every command in the VM counts as repair, so policy observe allows none.',
    );
  return warnings;
}
