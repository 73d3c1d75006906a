// The console: it makes all parts from the configuration, and closes those that have a lifetime.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { configuredEvent } from './about/configured.ts';
import { describe } from './about/describe.ts';
import { warningsOf } from './about/warnings.ts';
import { createDoor, type Door } from './access/door.ts';
import { capturePaces } from './agent/capture-pace.ts';
import { type CountedDriver, createAgentDriver } from './agent/driver.ts';
import { handsOf } from './agent/hands.ts';
import { claudeBinary, claudeConfigDir } from './agent/process-options.ts';
import { forgetConversation } from './agent/transcripts.ts';
import { type Alerts, startAlerts } from './alerts/alerts.ts';
import { letLook } from './alerts/let-look.ts';
import { Approvals } from './approvals/approvals.ts';
import { SessionPolicies } from './approvals/session-policies.ts';
import { type Audit, startAudit } from './audit/audit.ts';
import type { Config } from './config/config.ts';
import { packageVersion } from './config/package-root.ts';
import { chainsOf, lastDrillsIn } from './doctor/chains.ts';
import { type Doctor, startDoctor } from './doctor/doctor.ts';
import { createDrills } from './doctor/drill.ts';
import { keptExamination } from './doctor/kept.ts';
import { adoptLooseEvidence, removeEvidence } from './evidence/evidence.ts';
import { buildApp } from './http/app.ts';
import { checkJournalLater } from './journal/check-later.ts';
import type { Journal } from './journal/port.ts';
import { tryJournal } from './journal/try-journal.ts';
import type { Metrics } from './metrics/metrics.ts';
import { type Notify, outboxesOf, startNotify } from './notify/notify.ts';
import { claimDataDir, type DataDir } from './processes/data-dir.ts';
import { ownerMark, reapOrphans } from './processes/owner.ts';
import { startRetention } from './retention/retention.ts';
import { Sessions } from './sessions/sessions.ts';
import { openControlDir, removeControlDir } from './ssh/control-dir.ts';
import { createHostKeys } from './targets/host-keys.ts';
import { createLookRoom } from './targets/own-looks.ts';
import { createTarget } from './targets/target.ts';
import { createTargets, type Targets } from './targets/targets.ts';

export interface Console {
  readonly app: FastifyInstance;
  readonly warnings: readonly string[];
  /** Why there is no agent and no session; undefined when there are. */
  readonly whyPowerOnly: string | undefined;
  /** A login link for whoever owns the token of the environment. @param url where the console listens */
  loginUrl(url: string): string;
  /** Ends turns (as interrupted), then requests, agents, targets with their connections, what is sent elsewhere, and last the journal. */
  close(): Promise<void>;
}

/**
 * Resolves when the console may listen: by then it has ended the processes and closed the turns that a dead server left behind. It
 * takes the lock before that, so that nothing of a living server is touched. Throws `DataDirInUse`.
 */
export async function createConsole(config: Config, logger: Logger): Promise<Console> {
  const dataDir = claimDataDir(config.dataDir, logger);
  const reaped = await reapOrphans(dataDir.path);
  for (const { pid, command } of reaped.ended)
    logger.warn({ pid, command }, 'ended a process of a dead server');
  const ownerEnv = ownerMark(dataDir.path);
  const { journal, why } = tryJournal(dataDir.path, dataDir.whyNot, logger);
  const controlDir = openControlDir(dataDir.path);
  const record = journal === undefined ? undefined : makeRecord(config, logger, { dataDir, journal });
  // Like every event it may fail for a full disk, which does not stop the start.
  await journal
    ?.append([configuredEvent(config)])
    .catch((error: unknown) => logger.error({ err: error }, 'the start is not recorded'));
  adoptLooseEvidence(dataDir.path, logger);
  const targets = makeTargets(config, logger, { dataDir, journal, controlDir, ownerEnv });
  const metrics = await makeMetrics(config, logger, { journal, targets });

  const conversation =
    journal === undefined
      ? undefined
      : makeConversation(config, logger, { dataDir, journal, targets, ownerEnv });
  const { sessions, agent, approvals } = conversation ?? {};
  // A full disk may have room later, so this does not stop the start.
  await recover(conversation).catch((error: unknown) =>
    logger.error({ err: error }, 'open turns could not be closed'),
  );
  // This asks the hosts, so the start does not wait for it.
  const recovering = Promise.all(targets.all.map(({ power }) => power.recover())).catch((error: unknown) =>
    logger.error({ err: error }, 'open operations could not be closed'),
  );

  const alerts =
    conversation === undefined ? undefined : makeAlerts(config, logger, { ...conversation, targets });

  const warnings = [...dataDir.warnings, ...warningsOf(config, agent?.unavailable())];
  const door = createDoor({
    config: config.access,
    dataDir: dataDir.whyNot === undefined ? dataDir.path : undefined,
    journal,
    logger,
  });
  const notify =
    conversation === undefined ? undefined : makeNotify(config, logger, { dataDir, door, ...conversation });
  const doctor = makeDoctor(config, logger, {
    dataDir,
    journal,
    controlDir,
    ownerEnv,
    targets,
    warnings,
    whyPowerOnly: why,
    record,
    agent,
    door,
    notify,
  });
  const drills = createDrills({
    examine: (by, target) => doctor.examine(by, target),
    notify,
    journal,
    onNotRecorded: (error) => logger.error({ err: error }, 'a drill is not recorded'),
  });
  const app = await buildApp({
    door,
    doctor,
    drills,
    notify,
    conversation,
    whyPowerOnly: why,
    targets,
    alerts,
    describe: describe({
      config,
      warnings,
      whyPowerOnly: why,
      whyNotRecorded: () => journal?.health(),
      agentUnavailable: () => agent?.unavailable(),
      recordWarnings: () => [
        ...(record?.warnings() ?? []),
        ...(alerts?.warnings() ?? []),
        ...(metrics?.warnings() ?? []),
      ],
    }),
    verbTimeoutMs: config.verbTimeoutMs,
    keepaliveMs: config.keepaliveMs,
    webDir: config.webDir,
    tls:
      config.tls === undefined
        ? undefined
        : { cert: readFileSync(config.tls.cert), key: readFileSync(config.tls.key) },
    logger,
  });

  if (config.metrics !== undefined)
    metrics?.serve(config.metrics, {
      version: packageVersion(),
      targets: targets.all,
      doctor: () => doctor.show(),
      conversation: conversation && {
        writes: () => conversation.journal.health() === undefined,
        sessions: () => conversation.sessions.counts(),
        liveAgents: () => conversation.agent.counts().live,
        waitingApprovals: () => conversation.approvals.waiting().length,
        hasIncident: (target) => alerts?.openIncident(target) !== undefined,
        auditWaiting: () => record?.audit.waiting() ?? [],
      },
    });

  return {
    app,
    warnings,
    whyPowerOnly: why,
    loginUrl: (url) => door.loginUrl(door.access.owner, url),
    async close() {
      await metrics?.close();
      await sessions?.close();
      await doctor.close();
      await app.close();
      await alerts?.close();
      await agent?.close();
      approvals?.policies.close();
      await targets.close();
      await recovering;
      await notify?.close();
      door.close();
      removeControlDir(controlDir);
      await record?.close();
      await journal?.close();
      dataDir.lock?.release();
    },
  };
}

interface Recorded {
  warnings(): readonly string[];
  /** What was found broken in the journal's file. */
  damage(): readonly string[];
  readonly audit: Audit;
  close(): Promise<void>;
}

/** Nothing of it is loaded where nobody scrapes, and a library that cannot be loaded keeps nobody from power. */
async function makeMetrics(
  config: Config,
  logger: Logger,
  { journal, targets }: { journal: Journal | undefined; targets: Targets },
): Promise<Metrics | undefined> {
  if (config.metrics === undefined) return undefined;
  try {
    const { startMetrics } = await import('./metrics/metrics.ts');
    return startMetrics({ journal, targets: targets.all, logger });
  } catch (error) {
    logger.error({ err: error }, 'there are no metrics: BREAKGLASS_METRICS_PORT is not served');
    return undefined;
  }
}

/** What is done with the journal beside the console's own use of it. Closed before the journal. */
function makeRecord(
  config: Config,
  logger: Logger,
  { dataDir, journal }: { dataDir: DataDir; journal: Journal },
): Recorded {
  const check = checkJournalLater(dataDir.path, logger);
  const audit = startAudit({ config: config.audit, journal, logger });
  const retention = startRetention({
    keep: config.keep,
    journal,
    channels: [...audit.channels, ...outboxesOf(config.notify)],
    removeEvidence: (target, id) => removeEvidence(dataDir.path, target, id),
    forget: (session) => forgetConversation(claudeConfigDir(dataDir.path), session),
    logger,
  });
  return {
    warnings: () => [...check.warnings(), ...audit.warnings()],
    damage: () => check.warnings(),
    audit,
    async close() {
      await Promise.all([check.close(), retention.close(), audit.close()]);
    },
  };
}

function makeNotify(
  config: Config,
  logger: Logger,
  { dataDir, door, journal, sessions }: Conversation & { dataDir: DataDir; door: Door },
): Notify {
  return startNotify({
    config: config.notify,
    dataDir: dataDir.path,
    journal,
    stands: door.stands,
    askViewers: (watched, nonce) =>
      sessions.show(
        (id, target) => (watched.type === 'session' ? id === watched.session : target === watched.target),
        (session_id) => ({ kind: 'looking', session_id, nonce }),
      ),
    logger,
  });
}

function makeDoctor(
  config: Config,
  logger: Logger,
  {
    dataDir,
    journal,
    record,
    agent,
    door,
    notify,
    ...known
  }: {
    dataDir: DataDir;
    journal: Journal | undefined;
    controlDir: string | undefined;
    ownerEnv: Readonly<Record<string, string>>;
    targets: Targets;
    warnings: readonly string[];
    whyPowerOnly: string | undefined;
    record: Recorded | undefined;
    agent: CountedDriver | undefined;
    door: Door;
    notify: Notify | undefined;
  },
): Doctor {
  const written = dataDir.whyNot === undefined ? dataDir.path : undefined;
  return startDoctor({
    chains: chainsOf({
      ...known,
      config,
      dataDir: { ...dataDir, path: config.dataDir },
      knownHostsFile: path.join(dataDir.path, 'known_hosts'),
      journalTroubles: () => [...[journal?.health() ?? []].flat(), ...(record?.damage() ?? [])],
      agent: {
        binary: claudeBinary,
        askOnce: async (signal) =>
          agent === undefined
            ? { type: 'not-asked', why: 'There is no agent while the journal is not available.' }
            : agent.askOnce(signal),
      },
      traffic: () => door.edgeArrivals.seen(),
      channels: {
        notify,
        pushDevices: () => notify?.push.devices().length ?? 0,
        audit: record?.audit,
        lastDrills: async () => (journal === undefined ? undefined : lastDrillsIn(journal)),
      },
      logger,
    }),
    targets: config.targets.all.map(({ name }) => name),
    kept: keptExamination(written, logger),
    journal,
    everyHours: config.selfTestHours,
    logger,
  });
}

type Conversation = ReturnType<typeof makeConversation>;

interface Ground {
  readonly dataDir: DataDir;
  readonly ownerEnv: Readonly<Record<string, string>>;
}

function makeTargets(
  config: Config,
  logger: Logger,
  { dataDir, ...ground }: Ground & { journal: Journal | undefined; controlDir: string | undefined },
): Targets {
  const defaultTarget = config.targets.all.find(({ name }) => name === config.targets.default);
  if (defaultTarget === undefined)
    throw new Error('unreachable: the configuration checked its default target');
  const hostKeys = createHostKeys();
  const lookRoom = createLookRoom();
  return createTargets(config.targets, (each) =>
    createTarget(each, {
      ...ground,
      defaultTarget,
      hostKeys,
      lookRoom,
      policy: config.policy,
      dataDir: dataDir.path,
      authSock: config.authSock,
      searchPath: config.searchPath,
      home: config.home,
      logger,
    }),
  );
}

/** Closes what a dead server left open: its turns with the questions in them, and what it had granted for a time. */
async function recover(conversation: Conversation | undefined): Promise<void> {
  await conversation?.approvals.policies.recover();
  await conversation?.sessions.recover();
}

function makeConversation(
  config: Config,
  logger: Logger,
  { dataDir, journal, targets, ownerEnv }: Ground & { journal: Journal; targets: Targets },
) {
  const policies = new SessionPolicies({
    journal,
    configured: (name) => targets.find(name)?.policy ?? config.policy,
    logger,
  });
  const approvals = new Approvals({ journal, policies });
  const captures = new Map(targets.all.map(({ name }) => [name, capturePaces()]));
  const agent = createAgentDriver({
    config: config.agent,
    dataDir: dataDir.path,
    searchPath: config.searchPath,
    ownerEnv,
    handsOf: (name) =>
      handsOf(targets.named(name), {
        journal,
        approvals,
        captures: captures.get(name) ?? capturePaces(),
      }),
    logger,
  });
  const sessions = new Sessions({
    journal,
    agent,
    isTarget: (name) => targets.find(name) !== undefined,
    maxConcurrentTurns: config.agent.maxConcurrentTurns,
    turnTimeoutMs: config.agent.turnTimeoutMs,
    logger,
  });
  return { sessions, agent, journal, approvals };
}

function makeAlerts(
  config: Config,
  logger: Logger,
  {
    journal,
    sessions,
    approvals,
    targets,
  }: { journal: Journal; sessions: Sessions; approvals: Approvals; targets: Targets },
): Alerts {
  return startAlerts({
    journal,
    targets: config.targets.all,
    find: (name) => targets.find(name),
    agent: {
      wanted: config.alerts.agentLooks,
      letLook: letLook({ journal, sessions, policies: approvals.policies, logger }),
    },
    logger,
  });
}
