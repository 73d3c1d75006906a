// Closes the operations that a dead server left open, with what the host says now. Nothing is ever run again.
import type { Logger } from 'pino';
import type { TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { Journal } from '../journal/port.ts';
import type { PowerPath } from '../power-host/run-verb.ts';
import { type CheckBounds, checkHost } from './check.ts';
import { readOperation } from './history.ts';
import { LiveOperation } from './live-operation.ts';

export interface RecoverParts {
  readonly target: TargetName;
  readonly host: PowerPath;
  readonly journal: Journal;
  readonly logger: Logger;
  readonly now: () => Date;
  readonly bounds: CheckBounds;
  readonly closing: AbortSignal;
  readonly remember: (live: LiveOperation) => void;
  readonly onFound: (operations: readonly Operation[]) => void;
}

export async function closeOpenOperations(parts: RecoverParts): Promise<void> {
  const { journal, logger, now } = parts;
  const { operations } = await journal.open();
  const found: Operation[] = [];
  for (const { operation_id, target } of operations) {
    if (operation_id === undefined || target !== parts.target) continue;
    const operation = await readOperation(journal, operation_id);
    if (operation !== undefined && operation.finished_at === undefined) found.push(operation);
  }
  parts.onFound(found);
  await Promise.all(
    found.map(async (operation) => {
      // Its steps stay as they are, because nobody saw them end.
      const live = new LiveOperation({ ...operation, state: 'unknown' }, { journal, logger, now });
      parts.remember(live);
      live.step('server restarted: asking the host', { leaveLast: true });
      const started = Date.parse(operation.started_at);
      const { state, outcome } = await checkHost(
        parts.host,
        operation.verb,
        started,
        parts.bounds,
        parts.closing,
      );
      if (parts.closing.aborted) return live.abandon();
      live.endStep(state === 'unknown' ? undefined : true);
      live.setOutcome({
        ...outcome,
        summary: `The server stopped while ${operation.verb} ran. ${outcome.summary}`,
      });
      logger.info(
        { operation: operation.id, verb: operation.verb, state },
        'operation of the last server closed',
      );
      await live.finish(state);
    }),
  );
}
