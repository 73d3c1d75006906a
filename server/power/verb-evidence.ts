// What the host captured for a verb, brought here. The host streams only its newest bundle, and somebody's `forensics` may make a newer
// one while the verb is still at work: so it is fetched as soon as it is named, over the reused connection, never over the verb's own.
import type { Outcome } from '../../protocol/operations.ts';
import type { Verb } from '../../protocol/verbs.ts';
import type { Evidence } from '../evidence/port.ts';
import type { VerbEnd } from '../power-host/run-verb.ts';
import { evidenceNamed } from '../readings/printed-capture.ts';
import type { SshSignal } from '../triage/signals.ts';
import type { LiveOperation } from './live-operation.ts';

export interface VerbEvidenceParts {
  readonly evidence: Pick<Evidence, 'collect'>;
  readonly closing: AbortSignal;
}

export interface Kept {
  readonly id: string;
  /** Whole or damaged. */
  readonly isHere: boolean;
}

export interface VerbEvidence {
  /** What the host prints, as it comes. */
  readonly heard: (text: string) => void;
  /** When the verb has ended. Undefined when nothing was captured. Never rejects. */
  readonly keep: (end: VerbEnd) => Promise<Kept> | undefined;
}

/** `ssh`: as it was before the verb. */
export function createVerbEvidence(
  live: LiveOperation,
  ssh: SshSignal,
  parts: VerbEvidenceParts,
): VerbEvidence {
  let early: { readonly id: string; readonly isHere: Promise<boolean> } | undefined;
  let line = '';

  async function keep(id: string): Promise<Kept> {
    // What failed while the host was busy with the verb may work now.
    const isHere = (early?.id === id && (await early.isHere)) || (await fetchEvidence(live, id, ssh, parts));
    return { id, isHere };
  }

  return {
    heard(text) {
      if (early !== undefined || live.operation.verb === 'status') return;
      const whole = (line + text).split('\n');
      line = whole.pop() ?? '';
      const id = evidenceNamed(whole.join('\n'));
      if (id !== undefined) early = { id, isHere: fetchEvidence(live, id, ssh, parts) };
    },
    keep(end) {
      const said = live.operation.verb === 'status' ? undefined : evidenceNamed(end.stdout);
      const id = end.host?.evidence ?? said;
      return id === undefined ? undefined : keep(id);
    },
  };
}

/** Whether it is here now, whole or damaged. Never rejects. */
export async function fetchEvidence(
  live: LiveOperation,
  id: string,
  ssh: SshSignal,
  { evidence, closing }: VerbEvidenceParts,
): Promise<boolean> {
  const { id: operation_id, verb, by, session_id, started_at } = live.operation;
  const beganAtMs = Date.parse(started_at);
  const cause = { id, verb, by, operation_id, session_id, ssh, beganAtMs };
  const collected = await evidence.collect({ ...cause, signal: closing });
  if (collected === undefined) return false;
  live.setEvidence(collected.record.id);
  return true;
}

/** What was captured is not called kept where we do not have it. */
export function onHostOnly(outcome: Outcome, verb: Verb, id: string): Outcome {
  const sentence = `Evidence ${id} could not be kept here. It is on the power host only, in /var/lib/breakglass.`;
  return {
    ...outcome,
    // The host's own sentence says that it was captured, and no more is asked of this verb.
    ...(verb === 'forensics' ? { summary: sentence } : {}),
    warnings: [...(outcome.warnings ?? []), sentence],
  };
}
