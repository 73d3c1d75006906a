// An operation as the page shows it, put together from the operation itself, its stream and power_* events. Pure.
// Applying the same news twice changes nothing except the live output.
import type { Operation, OperationFrame, OperationStep } from '../../../protocol/operations.ts';
import { isMutating } from '../../../protocol/verbs.ts';

export interface OperationView extends Omit<Operation, 'id' | 'target' | 'session_id'> {
  readonly id: string;
  readonly target: string;
  /** Both streams, in the order in which the text came. */
  readonly output: string;
}

/** `unknown` alone is no end: the console may still be asking the power host what came of the verb. */
export const isOver = (operation: Pick<Operation, 'finished_at'>): boolean =>
  operation.finished_at !== undefined;

// More than a run of forensics writes. Beyond it the beginning is dropped, because the end is what matters.
const OUTPUT_CAP = 256 * 1024;

export const appendCapped = (before: string, text: string, cap = OUTPUT_CAP): string => {
  const joined = before + text;
  return joined.length > cap ? joined.slice(joined.length - cap) : joined;
};

/** Replaces an open step when it ends; appends a new one. */
export const mergeStep = (steps: readonly OperationStep[], step: OperationStep): readonly OperationStep[] => {
  const index = steps.findLastIndex(
    (known) => known.name === step.name && (known.ms === undefined || known.at === step.at),
  );
  return index < 0 ? [...steps, step] : steps.with(index, step);
};

const resultText = (operation: Operation): string => {
  const { result } = operation;
  return result ? [result.stdout, result.stderr].filter((part) => part !== '').join('\n') : '';
};

export const fromOperation = (operation: Operation, before?: OperationView): OperationView => {
  const same = before?.id === operation.id ? before : undefined;
  // An answer that was already under way when the operation ended must not reopen it.
  if (same && isOver(same) && !isOver(operation)) return same;
  const streamed = same?.output ?? '';
  const whole = resultText(operation);
  // A page that began to watch late has only a part of the output; the result has all of it.
  return { ...operation, output: whole.length > streamed.length + 1 ? whole : streamed };
};

export const applyFrame = (view: OperationView, frame: OperationFrame): OperationView =>
  frame.kind === 'operation'
    ? fromOperation(frame.operation, view)
    : { ...view, output: appendCapped(view.output, frame.text) };

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.trim() ?? '';

/** One sentence about the outcome, or that it is not known. Undefined until the operation is over. */
export const outcomeSentence = (view: OperationView): string | undefined => {
  if (!isOver(view)) return undefined;
  if (view.outcome) return view.outcome.summary;
  if (view.state === 'succeeded')
    return isMutating(view.verb)
      ? `${view.verb} is done. The state of the VM after it was not checked.`
      : `${view.verb} is done.`;
  if (view.state === 'unknown')
    return `Not known. The connection was lost or the time limit passed; ${view.verb} may still take effect. Ask for status before the next verb.`;
  const why = lastLine(view.result?.stderr ?? '');
  return why === '' ? `${view.verb} failed.` : `${view.verb} failed: ${why}`;
};
