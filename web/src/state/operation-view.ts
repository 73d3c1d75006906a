// An operation as the page shows it, folded from whatever tells of it: the operation itself, its stream, power_* events.
// Pure. Applying the same news twice changes nothing but live output.
import type { OperationFrame } from '../../../protocol/me.ts';
import type { Operation, OperationStep } from '../../../protocol/operations.ts';
import { isMutating, type Verb } from '../../../protocol/verbs.ts';

export interface OperationView extends Omit<Operation, 'id' | 'target' | 'session_id'> {
  readonly id: string;
  readonly target: string;
  /** Both streams in the order they came. */
  readonly output: string;
}

// More than a forensics run writes; beyond it the head is dropped, the end is what matters.
const OUTPUT_CAP = 256 * 1024;

export const appendCapped = (before: string, text: string, cap = OUTPUT_CAP): string => {
  const joined = before + text;
  return joined.length > cap ? joined.slice(joined.length - cap) : joined;
};

/** A step that was open is replaced by its closed form; a new one is appended. */
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
  // A poll that was under way when the end came must not open it again.
  if (same && same.state !== 'running' && operation.state === 'running') return same;
  const streamed = same?.output ?? '';
  const whole = resultText(operation);
  // Who began to watch late has seen only a part; the result holds all of it.
  return { ...operation, output: whole.length > streamed.length + 1 ? whole : streamed };
};

export const applyFrame = (view: OperationView, frame: OperationFrame): OperationView =>
  frame.kind === 'operation'
    ? fromOperation(frame.operation, view)
    : { ...view, output: appendCapped(view.output, frame.text) };

/** The order in which the host works, so that the operator knows what comes next. */
export const VERB_ORDER: Readonly<Record<Verb, string>> = {
  status: 'Asks the power host.',
  forensics: 'Captures evidence on the power host.',
  reset: 'Order: forensics, reset, check of the outcome.',
  stop: 'Order: forensics, stop, check of the outcome.',
  start: 'Order: forensics, start, check of the outcome.',
  cycle: 'Order: forensics, stop, proof that the QEMU process is gone, start, check of the outcome.',
};

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.trim() ?? '';

/** One sentence, or the honest unknown. Undefined while it runs. */
export const outcomeSentence = (view: OperationView): string | undefined => {
  if (view.state === 'running') return undefined;
  if (view.outcome) return view.outcome.summary;
  if (view.state === 'succeeded')
    return isMutating(view.verb)
      ? `${view.verb} is done. What became of the VM was not checked.`
      : `${view.verb} is done.`;
  if (view.state === 'unknown')
    return `Not known. The connection was lost or the time limit passed; ${view.verb} may still take effect. Ask for status before the next verb.`;
  const why = lastLine(view.result?.stderr ?? '');
  return why === '' ? `${view.verb} failed.` : `${view.verb} failed: ${why}`;
};
