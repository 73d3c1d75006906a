// What needs the journal: sessions with their agent and its questions, alerts, and who is told.
import type { Logger } from 'pino';
import type { Door } from '../access/door.ts';
import { capturePaces } from '../agent/capture-pace.ts';
import { createAgentDriver } from '../agent/driver.ts';
import { handsOf } from '../agent/hands.ts';
import { type Alerts, startAlerts } from '../alerts/alerts.ts';
import { letLook } from '../alerts/let-look.ts';
import { Approvals } from '../approvals/approvals.ts';
import { SessionPolicies } from '../approvals/session-policies.ts';
import type { Config } from '../config/config.ts';
import type { Journal } from '../journal/port.ts';
import { type Notify, startNotify } from '../notify/notify.ts';
import type { DataDir } from '../processes/data-dir.ts';
import { Sessions } from '../sessions/sessions.ts';
import type { Targets } from '../targets/targets.ts';
import type { Ground } from './ground.ts';

export type Conversation = ReturnType<typeof makeConversation>;

export function makeConversation(
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

/** Closes what a dead server left open: its turns with the questions in them, and what it had granted for a time. */
export async function recover(conversation: Conversation | undefined): Promise<void> {
  await conversation?.approvals.policies.recover();
  await conversation?.sessions.recover();
}

export function makeNotify(
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

export function makeAlerts(
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
