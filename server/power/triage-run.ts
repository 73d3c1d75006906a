// Triage with its I/O: what the host and the VM say now, as cheaply as the case allows. A VM that answers SSH costs one status
// and one probe; only one that is silent costs a capture (which is kept as evidence on the host). Needs no journal.
import type { TargetName } from '../../protocol/ids.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Guest } from '../guest/port.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { triage } from '../triage/triage.ts';
import { runVerb } from './host.ts';
import { parseStatus } from './host-output.ts';
import { readCapture } from './signals.ts';

export interface TriageDeps {
  readonly target: TargetName;
  /** To the power host. */
  readonly ssh: SshConnection;
  readonly guestProbe: Guest['probe'];
  readonly now?: () => Date;
}

// A cold case has to be named within 10 s.
const STATUS_LIMIT_MS = 9_000;
const PROBE_LIMIT_MS = 5_000;
// The host ends a capture after 20 s.
const CAPTURE_LIMIT_MS = 25_000;

export async function runTriage(deps: TriageDeps): Promise<TriageReport> {
  const { ssh } = deps;
  const [end, probe] = await Promise.all([
    runVerb(ssh, 'status', { timeoutMs: STATUS_LIMIT_MS }),
    deps.guestProbe(PROBE_LIMIT_MS).catch(() => ({ answers: false, detail: 'could not be asked' })),
  ]);
  const reachable = end.how === 'exited';
  const status = reachable && end.exitCode === 0 ? parseStatus(end.stdout, end.host) : undefined;
  const silentGuest = status?.vmState === 'running' && status.qmp !== 'silent' && !probe.answers;
  const capture =
    silentGuest && status.busy === undefined
      ? (await runVerb(ssh, 'forensics', { timeoutMs: CAPTURE_LIMIT_MS })).stdout
      : '';
  return triage({
    target: deps.target,
    at: (deps.now ?? (() => new Date()))().toISOString(),
    powerHost: { reachable, detail: end.detail || 'gave no answer in time' },
    vmState: status?.vmState,
    qmp: status?.qmp === 'answers' || status?.qmp === 'silent' ? status.qmp : undefined,
    busy: status?.busy,
    ssh: { answers: probe.answers, detail: probe.detail },
    ...readCapture(`${end.stdout}\n${capture}`),
  });
}
