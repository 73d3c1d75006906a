// From what the host's script prints to what triage looks at: the fallback for a bundle that could not be fetched (an older
// script knows no word `evidence`). Lenient: a line that is missing is a signal that is not known. Pure.
import { readStaged } from '../evidence/read/config.ts';
import type { CaptureSignals } from '../triage/signals.ts';

/** From the text of a capture. */
export function readCapture(stdout: string): CaptureSignals {
  const moved = (key: string): number | undefined => {
    const match = new RegExp(`^${key}: \\d+ -> \\d+ \\(([+-]\\d+) bytes`, 'm').exec(stdout);
    return match?.[1] === undefined ? undefined : Number(match[1]);
  };
  const read = moved('diskread');
  const written = moved('diskwrite');
  // One line per step: name, ok|timeout|error|skipped, milliseconds, why.
  const ping = /^[ \t]+agent-ping[ \t]+(ok|timeout|error)\b/m.exec(stdout)?.[1];
  const evidence = evidenceNamed(stdout);
  const ours = [...stdout.matchAll(/^[ \t]*(?:staged|pending): (\S.*)$/gm)].map(([, line]) =>
    (line ?? '').replace(' -> ', ' → '),
  );
  return {
    ...(ping === undefined ? {} : { guestAgent: ping === 'ok' }),
    ...(read === undefined || written === undefined
      ? {}
      : { disk: { read, written, operations: undefined } }),
    staged: [...ours, ...readStaged(stdout)],
    ...(evidence === undefined ? {} : { evidence }),
  };
}

/** The line for people, where the closing line for programs is missing. */
export function evidenceNamed(stdout: string): string | undefined {
  const evidence = /^evidence: (\S+)$/m.exec(stdout)?.[1];
  return evidence === 'none' ? undefined : evidence;
}
