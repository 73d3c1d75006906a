// Closes the operations that a dead server left open, with what the host says now, and fetches what it captured for them. Nothing is ever
// run again.
import type { Logger } from 'pino';
import type { TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { Evidence } from '../evidence/port.ts';
import type { Journal } from '../journal/port.ts';
import type { PowerPath } from '../power-host/run-verb.ts';
import { evidenceNamed } from '../readings/printed-capture.ts';
import type { SshSignal } from '../triage/signals.ts';
import { type CheckBounds, checkHost } from './check.ts';
import { readOperation, readPrinted } from './history.ts';
import { LiveOperation } from './live-operation.ts';
import { fetchEvidence, onHostOnly } from './verb-evidence.ts';

export interface RecoverParts {
  readonly target: TargetName;
  readonly host: PowerPath;
  readonly journal: Journal;
  readonly evidence: Pick<Evidence, 'collect'>;
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
      const closed = {
        ...outcome,
        summary: `The server stopped while ${operation.verb} ran. ${outcome.summary}`,
      };
      live.setOutcome(closed);
      const left = await fetchLeft(live, parts);
      if (parts.closing.aborted) return live.abandon();
      if (left !== undefined) live.setOutcome(onHostOnly(closed, operation.verb, left));
      logger.info(
        { operation: operation.id, verb: operation.verb, state },
        'operation of the last server closed',
      );
      await live.finish(state);
    }),
  );
}

/** How SSH answered before the verb went with the server that knew it. */
const NOT_KNOWN: SshSignal = { reading: 'unknown', detail: 'The server stopped meanwhile.' };

/** The evidence that the host named to the dead server, if it is not here yet. Gives its id where it stays on the host only. */
async function fetchLeft(live: LiveOperation, parts: RecoverParts): Promise<string | undefined> {
  const { id: operation, verb, evidence_id } = live.operation;
  if (verb === 'status' || evidence_id !== undefined) return undefined;
  const id = evidenceNamed(await readPrinted(parts.journal, operation));
  if (id === undefined) return undefined;
  live.step('keep the evidence');
  const isHere = await fetchEvidence(live, id, NOT_KNOWN, parts);
  live.endStep(isHere);
  return isHere ? undefined : id;
}
