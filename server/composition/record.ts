// What is done with the journal beside the console's own use of it.
import type { Logger } from 'pino';
import { claudeConfigDir } from '../agent/process-options.ts';
import { forgetConversation } from '../agent/transcripts.ts';
import { type Audit, startAudit } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import { removeEvidence } from '../evidence/evidence.ts';
import { checkJournalLater } from '../journal/check-later.ts';
import type { Journal } from '../journal/port.ts';
import { outboxesOf } from '../notify/notify.ts';
import type { DataDir } from '../processes/data-dir.ts';
import { startRetention } from '../retention/retention.ts';

export interface Recorded {
  warnings(): readonly string[];
  /** What was found broken in the journal's file. */
  damage(): readonly string[];
  readonly audit: Audit;
  close(): Promise<void>;
}

/** What is done with the journal beside the console's own use of it. Closed before the journal. */
export function makeRecord(
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
