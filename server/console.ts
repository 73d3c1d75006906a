// The console: it makes all parts from the configuration, and closes those that have a lifetime.
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { configuredEvent } from './about/configured.ts';
import { describe } from './about/describe.ts';
import { warningsOf } from './about/warnings.ts';
import { createDoor } from './access/door.ts';
import { makeAlerts, makeConversation, makeNotify, recover } from './composition/conversation.ts';
import { makeDoctor } from './composition/doctor.ts';
import { makeMetrics } from './composition/metrics.ts';
import { makeRecord } from './composition/record.ts';
import { makeTargets } from './composition/targets.ts';
import type { Config } from './config/config.ts';
import { packageVersion } from './config/package-root.ts';
import { createDrills } from './doctor/drill.ts';
import { adoptLooseEvidence } from './evidence/evidence.ts';
import { buildApp } from './http/app.ts';
import { tryJournal } from './journal/try-journal.ts';
import { claimDataDir } from './processes/data-dir.ts';
import { ownerMark, reapOrphans } from './processes/owner.ts';
import { openControlDir, removeControlDir } from './ssh/control-dir.ts';

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
      selfTestHours: config.selfTestHours,
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
