// From what the host's script prints to what triage looks at. Lenient: a line that is missing is a signal that is not known. Pure.
import type { Signals } from '../triage/signals.ts';

export type CaptureSignals = Pick<Signals, 'guestAgent' | 'disk' | 'staged' | 'evidence'>;

/** From the text of a capture. */
export function readCapture(stdout: string): CaptureSignals {
  const moved = (key: string): number | undefined => {
    const match = new RegExp(`^${key}: \\d+ -> \\d+ \\(([+-]\\d+) bytes`, 'm').exec(stdout);
    return match?.[1] === undefined ? undefined : Number(match[1]);
  };
  const read = moved('diskread');
  const written = moved('diskwrite');
  // One line per step: name, ok|timeout|error|skipped, milliseconds, why.
  const ping = /^\s+agent-ping\s+(ok|timeout|error)\b/m.exec(stdout)?.[1];
  const evidence = /^evidence: (\S+)$/m.exec(stdout)?.[1];
  return {
    guestAgent: ping === undefined ? undefined : ping === 'ok',
    disk: read === undefined || written === undefined ? undefined : { read, written },
    staged: readStaged(stdout),
    evidence: evidence === 'none' ? undefined : evidence,
  };
}

/** Lines as `qm pending` prints them (`cur k: v`, `new k: v`, `del k: v`), or ours (`staged: k: a -> b`), wherever they stand. */
function readStaged(stdout: string): readonly string[] {
  const current = new Map<string, string>();
  const staged: string[] = [];
  for (const line of stdout.split('\n')) {
    const ours = /^\s*(?:staged|pending): (\S.*)$/.exec(line)?.[1];
    if (ours !== undefined) staged.push(ours.replace(' -> ', ' → '));
    const match = /^\s*(cur|new|del) ([a-z]+\d*)(?:: (.*))?$/.exec(line);
    const [, kind, key, value] = match ?? [];
    if (key === undefined) continue;
    if (kind === 'cur') current.set(key, value ?? '');
    else if (kind === 'del') staged.push(`${key}: removed`);
    else staged.push(current.has(key) ? `${key}: ${current.get(key)} → ${value}` : `${key}: ${value}`);
  }
  return staged;
}
