// The live state of the target, asked for only while somebody looks. One question at a time to each side, and an answer within
// a moment: the last reading with its age where the new one is still under way.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Evidence } from '../evidence/port.ts';
import type { Guest } from '../guest/port.ts';
import type { SshConnection } from '../ssh/connection.ts';
import type { Signals } from '../triage/signals.ts';
import { askStatus, type StatusAnswer } from './host.ts';
import { versionWarning } from './host-version.ts';
import type { Power } from './port.ts';
import { quickReport } from './quick-triage.ts';
import { runTriage, type TriageCause } from './triage-run.ts';

export interface TargetWatchParts {
  readonly target: TargetName;
  /** To the power host. */
  readonly ssh: SshConnection;
  readonly guest: Guest;
  readonly power: Power;
  readonly evidence?: Evidence;
}

export interface TargetWatch {
  state(): Promise<TargetState>;
  /** Single flight: who asks meanwhile gets the same report. */
  triage(cause?: TriageCause): Promise<TriageReport>;
  /** From the latest signals, within a second: before a verb. Captures nothing. */
  quick(): Promise<TriageReport>;
  /** Somebody else looked: a verb that checks its outcome. */
  noteSsh(probed: Awaited<ReturnType<Guest['probe']>>): void;
  /** The last reading of SSH. */
  sshNow(): Signals['ssh'];
}

const FRESH_MS = 3_000;
const PATIENCE_MS = 1_500;
// With what follows it below the second that an emergency verb may be held up.
const QUICK_PATIENCE_MS = 800;
// A reading that is older says nothing about now.
const READING_LIFE_MS = 30_000;
const STATUS_LIMIT_MS = 9_000;
const PROBE_LIMIT_MS = 5_000;

/** The last answer to a question, asked again when it is old. A question that fails leaves the last answer. */
function createReading<T>(ask: () => Promise<T>): {
  refresh(): Promise<unknown>;
  /** Learned by another way. */
  note(value: T): void;
  last(): { value: T; at: string } | undefined;
} {
  let last: { value: T; at: string } | undefined;
  let asking: Promise<unknown> | undefined;
  return {
    async refresh() {
      if (last !== undefined && Date.now() - Date.parse(last.at) < FRESH_MS) return;
      const askedAt = Date.now();
      asking ??= ask()
        .then((value) => {
          // What was learned while this question hung is newer than what it asked about.
          if (last === undefined || Date.parse(last.at) <= askedAt)
            last = { value, at: new Date().toISOString() };
        })
        .catch(() => undefined)
        .finally(() => {
          asking = undefined;
        });
      await asking;
    },
    note(value) {
      last = { value, at: new Date().toISOString() };
    },
    last: () => last,
  };
}

export function createTargetWatch(parts: TargetWatchParts): TargetWatch {
  const { target, ssh, guest, power, evidence } = parts;
  const host = createReading<StatusAnswer>(() => askStatus(ssh, STATUS_LIMIT_MS));
  const vm = createReading(() => guest.probe(PROBE_LIMIT_MS));
  let running: Promise<TriageReport> | undefined;
  const recent = <T>(last: { value: T; at: string } | undefined): T | undefined =>
    last !== undefined && Date.now() - Date.parse(last.at) < READING_LIFE_MS ? last.value : undefined;
  const sshNow = (): Signals['ssh'] => {
    const probe = recent(vm.last());
    return probe === undefined
      ? { answers: undefined, detail: 'not asked yet' }
      : { answers: probe.answers, detail: probe.detail };
  };

  return {
    async state() {
      await Promise.race([Promise.all([host.refresh(), vm.refresh()]), sleep(PATIENCE_MS)]);
      const answer = host.last();
      const probe = vm.last();
      const status = answer?.value.status;
      const why = answer?.value.status === undefined ? answer?.value.detail : undefined;
      return {
        name: target,
        vm: {
          state: status?.vmState ?? 'unknown',
          at: answer?.at ?? null,
          ...(why === undefined ? {} : { detail: why }),
        },
        ssh: {
          answers: probe?.value.answers ?? null,
          at: probe?.at ?? null,
          ...(probe === undefined ? {} : { detail: probe.value.detail }),
        },
        qmp: {
          answers: status?.qmp === 'answers' ? true : status?.qmp === 'silent' ? false : null,
          at: status?.qmp === undefined ? null : (answer?.at ?? null),
        },
        guest_agent: agentReading(status?.guestAgent, answer?.at, evidence?.latest()),
        warnings: answer?.value.status === undefined ? [] : versionWarning(answer.value.version),
        operation: power.running() ?? null,
      };
    },
    triage(cause) {
      const guestProbe: Guest['probe'] = async (limitMs, signal) => {
        const probed = await guest.probe(limitMs, signal);
        vm.note(probed);
        return probed;
      };
      // What triage heard counts for the verb that follows, also where an older answer would still be fresh.
      const onStatus = (answer: StatusAnswer): void => host.note(answer);
      running ??= runTriage({ target, ssh, guestProbe, evidence, onStatus }, cause).finally(() => {
        running = undefined;
      });
      return running;
    },
    async quick() {
      await Promise.race([Promise.all([host.refresh(), vm.refresh()]), sleep(QUICK_PATIENCE_MS)]);
      const captured = evidence?.latest();
      const last = host.last();
      // A status from before the capture does not speak against it: QEMU may have fallen silent in between.
      const overtaken = captured !== undefined && last !== undefined && Date.parse(last.at) < captured.atMs;
      return quickReport({ target, host: overtaken ? undefined : recent(last), ssh: sshNow(), captured });
    },
    noteSsh: (probed) => vm.note(probed),
    sshNow,
  };
}

function agentReading(
  told: boolean | undefined,
  at: string | undefined,
  latest: ReturnType<Evidence['latest']>,
): TargetState['guest_agent'] {
  if (told !== undefined) return { answers: told, at: at ?? null };
  const captured = latest?.signals.guestAgent;
  if (latest === undefined || captured === undefined) return { answers: null, at: null };
  return { answers: captured, at: new Date(latest.atMs).toISOString(), detail: 'as of the latest evidence' };
}
