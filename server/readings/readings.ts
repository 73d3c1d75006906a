// What was last seen of a target: the power host's status and whether the VM answers SSH. Asked only when somebody wants to know,
// one question at a time to each side; the last answer stays, with its age. Knows nothing of power: power and triage read here.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guest, Probed } from '../guest/port.ts';
import { askStatus, type PowerPath, type StatusAnswer } from '../power-host/run-verb.ts';
import type { SshSignal } from '../triage/signals.ts';
import { sshSignal } from './ssh-signal.ts';

export type SshProbe = Probed;

export interface Reading<T> {
  readonly value: T;
  /** UTC, ISO 8601. */
  readonly at: string;
}

export interface Readings {
  /** Asks again what is older than a moment. Resolves when both answers are there, at the latest after `patienceMs`. */
  refresh(patienceMs: number): Promise<void>;
  /** Only the host, and only where its answer is older than `freshMs`. Resolves when it has answered or could not. */
  refreshHost(freshMs: number): Promise<void>;
  host(): Reading<StatusAnswer> | undefined;
  ssh(): Reading<SshProbe> | undefined;
  /** The last reading of SSH while it still says something about now. */
  sshNow(): SshSignal;
  /** Somebody else heard the host. */
  noteHost(answer: StatusAnswer): void;
  /** Asks now; what is heard is what everybody sees next. */
  readonly probeSsh: Guest['probe'];
}

export interface ReadingsParts {
  readonly host: PowerPath;
  readonly guest: Pick<Guest, 'probe'>;
}

const FRESH_MS = 3_000;
/** A reading that is older says nothing about now. */
const READING_LIFE_MS = 30_000;
/** The host's own limit for a status is 15 s: ours is never shorter than that of whom we ask. Nobody waits for it: see `refresh`. */
const STATUS_LIMIT_MS = 20_000;
const PROBE_LIMIT_MS = 5_000;

export const stillSays = <T>(reading: Reading<T> | undefined, nowMs = Date.now()): T | undefined =>
  reading !== undefined && nowMs - Date.parse(reading.at) < READING_LIFE_MS ? reading.value : undefined;

export function createReadings({ host: path, guest }: ReadingsParts): Readings {
  const host = createQuestion<StatusAnswer>(() => askStatus(path, STATUS_LIMIT_MS));
  const vm = createQuestion<SshProbe>(() => guest.probe(PROBE_LIMIT_MS));
  return {
    async refresh(patienceMs) {
      const patience = new AbortController();
      const overdue = sleep(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined);
      await Promise.race([Promise.all([host.refresh(), vm.refresh()]), overdue]);
      patience.abort();
    },
    refreshHost: (freshMs) => host.refresh(freshMs),
    host: () => host.last(),
    ssh: () => vm.last(),
    sshNow() {
      const probe = stillSays(vm.last());
      return probe === undefined ? { reading: 'unknown', detail: 'not asked yet' } : sshSignal(probe);
    },
    noteHost: (answer) => host.note(answer),
    async probeSsh(limitMs, signal) {
      const probed = await guest.probe(limitMs, signal);
      vm.note(probed);
      return probed;
    },
  };
}

interface Question<T> {
  refresh(freshMs?: number): Promise<void>;
  /** Learned by another way. */
  note(value: T): void;
  last(): Reading<T> | undefined;
}

/** The last answer to a question, asked again when it is old. A question that fails leaves the last answer. */
function createQuestion<T>(ask: () => Promise<T>): Question<T> {
  let last: Reading<T> | undefined;
  let asking: Promise<unknown> | undefined;
  return {
    async refresh(freshMs = FRESH_MS) {
      if (last !== undefined && Date.now() - Date.parse(last.at) < freshMs) return;
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
