// Triage of one target: the full run, shared by all who ask while it runs, and the quick one before a verb.
import type { TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Evidence } from '../evidence/port.ts';
import type { PowerPath } from '../power-host/run-verb.ts';
import { quickReport } from './quick-triage.ts';
import { type Readings, stillSays } from './readings.ts';
import type { TriageCause } from './triage-run.ts';
import { type SharedTriage, shareTriage } from './triage-share.ts';

export interface Diagnosis {
  /** Whoever asks while one runs gets the same report: see triage-share.ts. */
  triage(cause: TriageCause): Promise<TriageReport>;
  /** From the latest signals, within a second: before a verb. Captures nothing. */
  quick(): Promise<TriageReport>;
  /** The full run that is under way. */
  looking(): ReturnType<SharedTriage['looking']>;
  /** What triage found last in this process, and whether it is still so: see triage-share.ts. */
  found(): ReturnType<SharedTriage['found']>;
  confirm(): Promise<void>;
  overtaken: SharedTriage['overtaken'];
}

export interface DiagnosisParts {
  readonly target: TargetName;
  readonly host: PowerPath;
  readonly readings: Readings;
  readonly evidence: Pick<Evidence, 'collect' | 'latest'>;
  readonly verbBeganAtMs?: () => number | undefined;
}

// Together with what follows it, this stays below the second for which an emergency verb may be held up.
const QUICK_PATIENCE_MS = 800;

export function createDiagnosis(parts: DiagnosisParts): Diagnosis {
  const { target, readings, evidence } = parts;
  const shared = shareTriage(parts);
  return {
    triage: (cause) => shared.ask(cause),
    looking: () => shared.looking(),
    found: () => shared.found(),
    confirm: () => shared.confirm(),
    overtaken: (which, why) => shared.overtaken(which, why),
    async quick() {
      await readings.refresh(QUICK_PATIENCE_MS);
      const captured = evidence.latest();
      const last = readings.host();
      // A status from before the capture does not contradict it, because QEMU may have fallen silent in between.
      const overtaken = captured !== undefined && last !== undefined && Date.parse(last.at) < captured.atMs;
      return quickReport({
        target,
        host: overtaken ? undefined : stillSays(last),
        ssh: readings.sshNow(),
        captured,
      });
    },
  };
}
