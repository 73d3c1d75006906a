// The life of one verb, from the ssh process to the verified outcome.
import type { Outcome, VerbResult } from '../../protocol/operations.ts';
import { isMutating, type Verb } from '../../protocol/verbs.ts';
import type { Evidence } from '../evidence/port.ts';
import {
  askStatus,
  type PowerPath,
  runVerb,
  STATUS_LIMIT_MS,
  statusAnswer,
  type VerbEnd,
  wrongVm,
} from '../power-host/run-verb.ts';
import { versionWarning } from '../power-host/version.ts';
import { type Readings, stillSays } from '../readings/readings.ts';
import { awaitSsh, type CheckBounds, checkHost } from './check.ts';
import type { LiveOperation } from './live-operation.ts';
import { type Judgement, judgeEnd } from './outcome.ts';
import { createVerbEvidence, onHostOnly } from './verb-evidence.ts';

export interface RunParts {
  readonly host: PowerPath;
  readonly readings: Pick<Readings, 'probeSsh' | 'sshNow' | 'host' | 'noteHost'>;
  readonly bounds: CheckBounds;
  readonly limitMs: number;
  readonly sshWaitMs: number;
  /** Aborted when the server ends. The verb goes on at the host, and the next server closes the operation. */
  readonly closing: AbortSignal;
  /** Aborted when another mutating verb is started: nobody needs to know any more whether SSH answers after this one. */
  readonly superseded: AbortSignal;
  /** Called when the verb's result is known. From then on another mutating verb may start. */
  readonly onResult: () => void;
  readonly evidence: Pick<Evidence, 'collect' | 'outdated'>;
}

const COLD_CASE =
  "No verb can help until the power host answers: follow the runbook's cold path (docs/runbook.md, cold case).";
/** The exit code of ssh for its own failures. The verb route gives it when the host cannot be reached. */
const SSH_FAILED = 255;
/** The exit code of the host's script when another mutating verb is running: that of flock for a lock that somebody else holds. */
const HOST_BUSY = 75;

export async function runOperation(live: LiveOperation, parts: RunParts): Promise<void> {
  const { verb } = live.operation;
  const { host, closing } = parts;
  // Only a status may run without knowing which VM it is: it asks that itself.
  const notOurs = verb === 'status' ? undefined : await whyNotOurs(live, parts);
  if (closing.aborted) return live.abandon();
  if (notOurs !== undefined) {
    live.setOutcome(notOurs.outcome);
    live.setResult(notOurs.result);
    return live.finish('failed');
  }
  if (isMutating(verb)) parts.evidence.outdated();
  // The host captures before the verb does anything, so what is kept with the capture must be from before the verb, too.
  const evidence = createVerbEvidence(live, parts.readings.sshNow(), parts);
  live.step('ask the power host');
  const end = await runVerb(host.ssh, verb, {
    signal: closing,
    timeoutMs: parts.limitMs,
    onOutput: (stream, text) => {
      live.output(stream, text);
      if (stream === 'stdout') evidence.heard(text);
    },
    onSection: (name) => live.step(name),
    onLimit: (seconds) => live.setLimit(seconds),
  });
  if (closing.aborted) return live.abandon();

  const judged = await judge(live, end, parts);
  if (closing.aborted) return live.abandon();
  const warnings = [...versionWarning(end.host?.version), ...otherVmWarning(end, host.vmid)];
  let outcome = warnings.length === 0 ? judged.outcome : { ...judged.outcome, warnings };
  live.setOutcome(outcome);
  live.setResult(resultOf(verb, end, judged));
  parts.onResult();
  // It is being fetched while we wait for SSH. If we have to wait for it after that, this is a step.
  const keeping = evidence.keep(end);

  if (judged.state === 'succeeded' && isMutating(verb) && verb !== 'stop') {
    live.step('ssh answers');
    const waited = await awaitSsh(
      parts.readings.probeSsh,
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
    const kept = await keeping;
    live.endStep(kept.isHere);
    if (closing.aborted) return live.abandon();
    if (!kept.isHere) live.setOutcome(onHostOnly(outcome, verb, kept.id));
  }
  await live.finish(judged.state);
}

/**
 * Why this verb must not run: the target names its VM, and the power path is for another one or does not say for which. An answer
 * from a moment ago counts. An older script does not say its VM at all, and then there is nothing to compare.
 */
async function whyNotOurs(
  live: LiveOperation,
  { host, readings, closing }: RunParts,
): Promise<{ readonly outcome: Outcome; readonly result: VerbResult } | undefined> {
  const { verb } = live.operation;
  if (host.vmid === undefined) return undefined;
  if (stillSays(readings.host())?.status !== undefined) return undefined;
  live.step('ask which VM it is');
  const answer = await askStatus(host, STATUS_LIMIT_MS, closing);
  readings.noteHost(answer);
  live.endStep(answer.status !== undefined);
  if (answer.status !== undefined) return undefined;
  const result = { verb, exit_code: null, stdout: '', stderr: answer.detail, rejected: true };
  if (answer.how === 'unreachable')
    return {
      outcome: { summary: coldCase(verb, answer.detail) },
      result: { ...result, exit_code: SSH_FAILED, rejected: false },
    };
  if (answer.otherVm !== undefined)
    return { outcome: { summary: `Not done. ${answer.detail}`, refused: 'other-vm' }, result };
  const why = `The power host did not say for which VM it answers (${answer.detail.replace(/\.$/, '')}), and this target is only for VM ${host.vmid}.`;
  return {
    outcome: { summary: `Not done. ${why}`, refused: 'other-vm' },
    result: { ...result, stderr: why },
  };
}

const coldCase = (verb: Verb, detail: string): string =>
  `${verb} was not carried out. ${detail} ${COLD_CASE}`.trim();

/** The last check: the closing line says for which VM the verb ran. */
const otherVmWarning = ({ host }: VerbEnd, vmid: number | undefined): readonly string[] =>
  vmid === undefined || host?.vm === undefined || host.vm === vmid ? [] : [wrongVm(vmid, host.vm)];

async function judge(live: LiveOperation, end: VerbEnd, parts: RunParts): Promise<Judgement> {
  const { verb, started_at } = live.operation;
  if (end.how === 'exited') {
    live.endStep(end.exitCode === 0);
    if (end.exitCode === HOST_BUSY && isMutating(verb)) {
      const summary = end.host?.outcome ?? end.stderr.trim().split('\n').at(-1) ?? '';
      return {
        state: 'failed',
        outcome: { summary: summary || 'Not done: the host is carrying out another verb.', refused: 'busy' },
      };
    }
    const unsaid = isMutating(verb) && end.host?.vmState === undefined;
    const answer = unsaid ? await askStatus(parts.host, parts.bounds.askMs, parts.closing) : undefined;
    if (verb === 'status') {
      const said = statusAnswer(end, parts.host.vmid);
      if (said.status === undefined && said.otherVm !== undefined)
        return { state: 'failed', outcome: { summary: said.detail } };
    }
    return judgeEnd(verb, end, answer?.status);
  }
  live.endStep(false);
  // It is proven that the verb never reached the host, so there is nothing to check.
  if (end.how === 'unreachable' && end.begun === 'no')
    return {
      state: 'failed',
      outcome: { summary: coldCase(verb, end.detail) },
    };
  // It is neither a success nor a failure before the host has been asked.
  live.checking();
  live.step('connection lost: asking the host');
  // The host carries on without the connection, for as long as it said.
  const announcedMs = (live.operation.limit?.seconds ?? 0) * 1_000;
  const bounds = { ...parts.bounds, busyMs: Math.max(parts.bounds.busyMs, announcedMs) };
  const judged = await checkHost(parts.host, verb, Date.parse(started_at), bounds, parts.closing);
  live.endStep(judged.state === 'unknown' ? undefined : true);
  return judged;
}

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
