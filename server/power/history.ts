// Makes an operation from its events in the journal.

import type { JournalEvent } from '../../protocol/events.ts';
import type { OperationId } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';

/** Pure. Undefined when the beginning of the operation is not among the events. */
function foldOperation(events: readonly JournalEvent[]): Operation | undefined {
  let operation: Operation | undefined;
  for (const event of events) {
    if (event.kind === 'power_started' && event.operation_id !== undefined && event.target !== undefined) {
      operation = {
        id: event.operation_id,
        target: event.target,
        verb: event.verb,
        by: event.by,
        ...(event.session_id === undefined ? {} : { session_id: event.session_id }),
        ...(event.finding === undefined ? {} : { finding: event.finding }),
        started_at: event.at,
        state: 'running',
        steps: [],
      };
    } else if (operation === undefined) {
      // Comes before the beginning, so it is not part of the operation.
    } else if (event.kind === 'power_step') {
      const { step } = event;
      // There is an event when a step begins, and another one when it ends.
      const others = operation.steps.filter(({ name, at }) => name !== step.name || at !== step.at);
      operation = { ...operation, steps: [...others, step] };
    } else if (event.kind === 'evidence') {
      operation = { ...operation, evidence_id: event.evidence_id };
    } else if (event.kind === 'power_finished') {
      operation = {
        ...operation,
        state: event.state,
        steps: event.steps,
        finished_at: event.at,
        ...(event.result === undefined ? {} : { result: event.result }),
        ...(event.outcome === undefined ? {} : { outcome: event.outcome }),
      };
    }
  }
  return operation;
}

const OPERATION_KINDS = ['power_started', 'power_step', 'power_finished', 'evidence'] as const;

export async function readOperation(journal: Journal, id: OperationId): Promise<Operation | undefined> {
  const events: JournalEvent[] = [];
  for await (const event of readAll(journal, { operation: id, kinds: OPERATION_KINDS })) events.push(event);
  return foldOperation(events);
}

/** What the host printed on stdout, as far as it is recorded. */
export async function readPrinted(journal: Journal, id: OperationId): Promise<string> {
  let printed = '';
  for await (const event of readAll(journal, { operation: id, kinds: ['power_output'] }))
    if (event.kind === 'power_output' && event.stream === 'stdout') printed += event.text;
  return printed;
}
