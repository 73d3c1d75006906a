// The result of a tool, for the journal (whole, up to a cap) and for the model (head and tail, because Claude Code replaces a result
// of more than some tens of KB by a 2 KB preview and a file). Pure.
import type { Account } from '../../protocol/approvals.ts';
import type { CommandEnd } from '../../protocol/events.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { isMutating } from '../../protocol/verbs.ts';
import type { GuestResult } from '../guest/port.ts';

/** How much of a tool's output the journal keeps. */
export const RECORD_CAP_CHARS = 256 * 1024;
/** How much of it the model reads. Well below the size at which Claude Code cuts by itself. */
const MODEL_CAP_CHARS = 16 * 1024;

interface Kept {
  readonly text: string;
  readonly truncated: boolean;
}

/** The head and the tail, and between them a line that says how much was left out. Never splits a surrogate pair. */
export function headAndTail(text: string, cap: number): Kept {
  if (text.length <= cap) return { text, truncated: false };
  const half = Math.floor(cap / 2);
  const head = text.slice(0, half).replace(/[\uD800-\uDBFF]$/, '');
  const tail = text.slice(text.length - half).replace(/^[\uDC00-\uDFFF]/, '');
  const left = text.length - head.length - tail.length;
  return { text: `${head}\n[… ${left} characters left out here …]\n${tail}`, truncated: true };
}

/** The end of one call of `ssh` or `triage`. */
export interface ToolOutcome {
  readonly isError: boolean;
  readonly output: string;
  readonly truncated: boolean;
  /** A line after the output that says how it ended. For the model; the journal has fields for that. */
  readonly trailer?: string;
  readonly exitCode?: number | null;
  readonly ended?: CommandEnd;
  readonly farSide?: 'proven' | 'unproven';
  /** Given with `unproven`. Resolves later with whether it was proven after all. */
  readonly proof?: Promise<boolean>;
}

export const failed = (output: string, ended?: CommandEnd): ToolOutcome => ({
  isError: true,
  output,
  truncated: false,
  ...(ended === undefined ? {} : { ended }),
});

export const textForModel = ({ output, trailer }: ToolOutcome): string => {
  const { text } = headAndTail(output.trimEnd(), MODEL_CAP_CHARS);
  const body = trailer === undefined ? text : `${text}\n${trailer}`;
  return body.trimStart() === '' ? '(no output)' : body.replace(/^\n+/, '');
};

export function guestOutcome(result: GuestResult, account: Account, alias: string): ToolOutcome {
  const seconds = (result.durationMs / 1_000).toFixed(1);
  const gone =
    result.farSide === 'proven'
      ? 'It is gone in the VM.'
      : 'It may still run in the VM: that could not be proven.';
  const how: Record<GuestResult['ended'], string> = {
    exited: `exit code ${result.exitCode ?? 'unknown'} after ${seconds} s, as ${account}`,
    timed_out: `timed out after ${seconds} s. ${gone}`,
    stopped: `stopped after ${seconds} s. ${gone}`,
    unreachable: `${alias} is unreachable over SSH after ${seconds} s: ${result.detail ?? 'no answer'}`,
    connection_lost: `the connection was lost after ${seconds} s: ${(result.detail ?? 'no reason given').replace(/\.$/, '')}. ${gone}`,
    denied: 'denied',
  };
  return {
    isError: result.ended !== 'exited' || result.exitCode !== 0,
    output: result.output,
    truncated: result.truncated,
    trailer: `[${how[result.ended]}]`,
    exitCode: result.exitCode,
    ended: result.ended,
    ...(result.farSide === undefined ? {} : { farSide: result.farSide }),
    ...(result.proof === undefined ? {} : { proof: result.proof }),
  };
}

/** `stopped`: the turn ended while the verb ran. */
export function operationOutcome(operation: Operation, stopped: boolean): ToolOutcome {
  const { verb, state, result, outcome } = operation;
  const parts = [result?.stdout, result?.stderr].filter((part) => part !== undefined && part.trim() !== '');
  const exit = result?.exit_code;
  const trailer = {
    running: stopped
      ? isMutating(verb)
        ? `${verb} was not stopped: operation ${operation.id} goes on to its end on the power host`
        : `${verb} was not waited for; it only looks`
      : `${verb} still runs as operation ${operation.id}; ask for status later`,
    succeeded: `${verb} succeeded${exit === undefined ? '' : ` (exit code ${exit})`}. ${outcome?.summary ?? ''}`,
    failed: `${verb} failed${exit === undefined ? '' : ` (exit code ${exit})`}. ${outcome?.summary ?? ''}`,
    unknown: `the outcome of ${verb} is unknown: the connection was lost or the limit passed. ${outcome?.summary ?? 'Ask for status before anything else.'}`,
  }[state];
  return {
    isError: state !== 'succeeded',
    output: parts.join('\n'),
    truncated: false,
    trailer: `[${trailer.trim()}]`,
    ...(exit === undefined ? {} : { exitCode: exit }),
    // Nothing of it runs in the VM; how it ends is told by the operation.
    ...(stopped ? { ended: 'stopped' as const } : {}),
  };
}

export function triageText({ target, cautions, finding, longer_look, watched_s }: TriageReport): string {
  const lines = [
    ...cautions.map((caution) => `Caution (${caution.code}): ${caution.text}`),
    `Finding on ${target}: ${finding.code} (confidence ${finding.confidence.toFixed(2)})`,
    finding.summary,
    `Advised verb: ${finding.advised ?? 'none'}`,
    ...(finding.warned.length === 0 ? [] : [`Would make it worse: ${finding.warned.join(', ')}`]),
    `Advice: ${finding.advice}`,
    ...(longer_look === undefined
      ? []
      : [
          `A longer look (${longer_look.seconds} s) is offered: ${longer_look.why} Call triage with longer_look: true.`,
        ]),
    ...(watched_s === undefined ? [] : [`Movement was watched for ${watched_s} s.`]),
    'Inputs:',
    ...finding.inputs.map((input) => `  ${input.name}: ${input.value}`),
  ];
  return lines.join('\n');
}

/** What went wrong in a tool, as a sentence for the model and the operator. */
export const describeFailure = (error: unknown): string =>
  error instanceof BreakglassError
    ? error.message
    : `The tool failed: ${error instanceof Error ? error.message : String(error)}`;
