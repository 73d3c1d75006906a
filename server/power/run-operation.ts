// The life of one verb, from the ssh process to the verified outcome.
import type { Logger } from 'pino';
import type { VerbResult } from '../../protocol/operations.ts';
import { isMutating } from '../../protocol/verbs.ts';
import type { Evidence } from '../evidence/port.ts';
import type { Guest } from '../guest/port.ts';
import type { SshConnection } from '../ssh/connection.ts';
import type { Signals } from '../triage/signals.ts';
import { awaitSsh, type CheckBounds, checkHost } from './check.ts';
import { askStatus, runVerb, type VerbEnd } from './host.ts';
import { versionWarning } from './host-version.ts';
import type { LiveOperation } from './live-operation.ts';
import { type Judgement, judgeEnd } from './outcome.ts';
import { evidenceNamed } from './signals.ts';

export interface RunParts {
  readonly ssh: SshConnection;
  readonly guestProbe: Guest['probe'];
  readonly bounds: CheckBounds;
  readonly verbTimeoutMs: number;
  readonly sshWaitMs: number;
  readonly logger: Logger;
  /** Aborted when the server goes: the verb goes on at the host, the operation stays open for the next server. */
  readonly closing: AbortSignal;
  /** Aborted when nobody needs to know any more whether SSH answers: another mutating verb was started. */
  readonly superseded: AbortSignal;
  /** The verb's result is known: the next mutating verb may come. */
  readonly onResult: () => void;
  readonly evidence?: Pick<Evidence, 'collect' | 'outdated'> | undefined;
  readonly sshNow?: (() => Signals['ssh']) | undefined;
}

const COLD_CASE =
  "No verb can help until the power host answers: follow the runbook's cold path (docs/runbook.md, cold case).";
/** At this many times the limit the ssh is ended and the host is asked instead. */
const HARD_BOUND = 3;
/** flock's exit code for "somebody else holds it", which the host's script uses: another mutating verb is running. */
const HOST_BUSY = 75;

export async function runOperation(live: LiveOperation, parts: RunParts): Promise<void> {
  const { verb } = live.operation;
  const { ssh, logger, closing } = parts;
  const overdue = setTimeout(
    () => logger.warn({ operation: live.operation.id, verb }, 'time limit passed, still running'),
    parts.verbTimeoutMs,
  );
  if (isMutating(verb)) parts.evidence?.outdated();
  // The capture comes before the verb does anything, and so must what is put beside it.
  const sshBefore = parts.sshNow?.() ?? { answers: undefined, detail: 'not asked' };
  live.step('ask the power host');
  const end = await runVerb(ssh, verb, {
    signal: closing,
    timeoutMs: HARD_BOUND * parts.verbTimeoutMs,
    onOutput: (stream, text) => live.output(stream, text),
    onSection: (name) => live.step(name),
  }).finally(() => clearTimeout(overdue));
  if (closing.aborted) return live.abandon();

  const judged = await judge(live, end, parts);
  if (closing.aborted) return live.abandon();
  const warnings = versionWarning(end.host?.version);
  let outcome = warnings.length === 0 ? judged.outcome : { ...judged.outcome, warnings };
  live.setOutcome(outcome);
  live.setResult(resultOf(verb, end, judged));
  parts.onResult();
  // Fetched while SSH is waited for; the step says when it had to be waited for besides.
  const keeping = keepEvidence(live, end, sshBefore, parts);

  if (judged.state === 'succeeded' && isMutating(verb) && verb !== 'stop') {
    live.step('ssh answers');
    const waited = await awaitSsh(
      parts.guestProbe,
      parts.sshWaitMs,
      AbortSignal.any([closing, parts.superseded]),
    );
    if (closing.aborted) return live.abandon();
    live.endStep(waited?.answers);
    if (waited === undefined)
      outcome = { ...outcome, summary: `${outcome.summary} Whether SSH answers was not waited for.` };
    else if (waited.answers) {
      const seconds = Math.round(waited.seconds * 10) / 10;
      outcome = {
        ...outcome,
        ssh_answers: true,
        ssh_after_s: seconds,
        summary: `${outcome.summary} SSH answers after ${seconds} s.`,
      };
    } else {
      const limit = Math.round(parts.sshWaitMs / 1_000);
      outcome = {
        ...outcome,
        ssh_answers: false,
        summary: `${outcome.summary} SSH did not answer within ${limit} s.`,
      };
    }
    live.setOutcome(outcome);
  }
  if (keeping !== undefined) {
    live.step('keep the evidence');
    live.endStep(await keeping);
    if (closing.aborted) return live.abandon();
  }
  await live.finish(judged.state);
}

/** Undefined where nothing was captured. Resolves with whether it is kept here, whole or damaged; never rejects. */
function keepEvidence(
  live: LiveOperation,
  end: VerbEnd,
  ssh: Signals['ssh'],
  parts: RunParts,
): Promise<boolean> | undefined {
  const { id: operation_id, verb, by, session_id } = live.operation;
  const id = end.host?.evidence ?? (verb === 'status' ? undefined : evidenceNamed(end.stdout));
  if (id === undefined || parts.evidence === undefined) return undefined;
  return parts.evidence
    .collect({ id, verb, by, operation_id, session_id, ssh, signal: parts.closing })
    .then((collected) => {
      if (collected === undefined) return false;
      live.setEvidence(collected.record.id);
      return true;
    });
}

async function judge(live: LiveOperation, end: VerbEnd, parts: RunParts): Promise<Judgement> {
  const { verb, started_at } = live.operation;
  if (end.how === 'exited') {
    live.endStep(end.exitCode === 0);
    if (end.exitCode === HOST_BUSY && isMutating(verb)) {
      const summary = end.host?.outcome ?? end.stderr.trim().split('\n').at(-1) ?? '';
      return {
        state: 'failed',
        outcome: { summary: summary || 'Not done: the host is carrying out another verb.' },
      };
    }
    const unsaid = isMutating(verb) && end.host?.vmState === undefined;
    const answer = unsaid ? await askStatus(parts.ssh, parts.bounds.askMs, parts.closing) : undefined;
    return judgeEnd(verb, end, answer?.status);
  }
  live.endStep(false);
  // Proof that the verb never reached the host: nothing to check.
  if (end.how === 'unreachable' && end.begun === 'no')
    return {
      state: 'failed',
      outcome: { summary: `${verb} was not carried out. ${end.detail} ${COLD_CASE}`.trim() },
    };
  // Neither success nor failure until the host was asked.
  live.checking();
  live.step('connection lost: asking the host');
  const judged = await checkHost(parts.ssh, verb, Date.parse(started_at), parts.bounds, parts.closing);
  live.endStep(judged.state === 'unknown' ? undefined : true);
  return judged;
}

// Exit code of ssh for its own failures, and so of the verb route for a host that cannot be reached.
const SSH_FAILED = 255;

function resultOf(verb: string, end: VerbEnd, judged: Judgement): VerbResult {
  const { stdout } = end;
  const stderr = (more: string): string =>
    end.stderr === '' || more === '' ? end.stderr + more : `${end.stderr.trimEnd()}\n${more}`;
  if (end.how === 'exited') {
    if (end.exitCode === HOST_BUSY)
      return { verb, exit_code: null, stdout, stderr: stderr(''), rejected: true };
    return { verb, exit_code: end.exitCode, stdout, stderr: stderr(''), rejected: false };
  }
  if (end.how === 'unreachable' && end.begun === 'no')
    return { verb, exit_code: SSH_FAILED, stdout, stderr: stderr(end.detail), rejected: false };
  const lost = end.how === 'timed_out' ? 'The verb did not end in time.' : end.detail;
  return {
    verb,
    exit_code: null,
    stdout,
    stderr: stderr(`${lost} ${judged.outcome.summary}`.trim()),
    rejected: false,
  };
}
