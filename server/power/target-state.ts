// The live state of the target, asked for only while somebody looks. One question at a time to each side, and an answer within
// a moment: the last reading with its age where the new one is still under way.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Guest } from '../guest/port.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { askStatus, type StatusAnswer } from './host.ts';
import type { Power } from './port.ts';
import { runTriage } from './triage-run.ts';

export interface TargetWatchParts {
  readonly target: TargetName;
  /** To the power host. */
  readonly ssh: SshConnection;
  readonly guest: Guest;
  readonly power: Power;
}

export interface TargetWatch {
  state(): Promise<TargetState>;
  /** Single flight: who asks meanwhile gets the same report. */
  triage(): Promise<TriageReport>;
}

const FRESH_MS = 3_000;
const PATIENCE_MS = 1_500;
const STATUS_LIMIT_MS = 9_000;
const PROBE_LIMIT_MS = 5_000;

/** The last answer to a question, asked again when it is old. A question that fails leaves the last answer. */
function createReading<T>(ask: () => Promise<T>): {
  refresh(): Promise<unknown>;
  last(): { value: T; at: string } | undefined;
} {
  let last: { value: T; at: string } | undefined;
  let asking: Promise<unknown> | undefined;
  return {
    async refresh() {
      if (last !== undefined && Date.now() - Date.parse(last.at) < FRESH_MS) return;
      asking ??= ask()
        .then((value) => {
          last = { value, at: new Date().toISOString() };
        })
        .catch(() => undefined)
        .finally(() => {
          asking = undefined;
        });
      await asking;
    },
    last: () => last,
  };
}

export function createTargetWatch({ target, ssh, guest, power }: TargetWatchParts): TargetWatch {
  const host = createReading<StatusAnswer>(() => askStatus(ssh, STATUS_LIMIT_MS));
  const vm = createReading(() => guest.probe(PROBE_LIMIT_MS));
  let running: Promise<TriageReport> | undefined;

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
        qmp: { answers: status?.qmp === 'answers' ? true : status?.qmp === 'silent' ? false : null },
        operation: power.running() ?? null,
      };
    },
    triage() {
      running ??= runTriage({ target, ssh, guestProbe: guest.probe }).finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}
