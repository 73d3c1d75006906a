// What was last seen of a target: the status of the power host, and whether the VM answers SSH. It asks only when somebody wants to
// know, and asks each side one question at a time. The last answer stays, with its age. Power and triage read here; it knows neither.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostKeySide } from '../../protocol/host-keys.ts';
import type { Guest, Probed } from '../guest/port.ts';
import { askStatus, type PowerPath, STATUS_LIMIT_MS, type StatusAnswer } from '../power-host/run-verb.ts';
import type { SshSignal } from '../triage/signals.ts';
import { sshSignal } from './ssh-signal.ts';

export type SshProbe = Probed;

export interface Reading<T> {
  readonly value: T;
  /** UTC, ISO 8601. */
  readonly at: string;
}

export interface Readings {
  /** Asks again unless the answer is from a moment ago. Resolves when both answers are there, at the latest after `patienceMs`. */
  refresh(patienceMs: number): Promise<void>;
  /** Asks only the host, and only if its answer is older than `freshMs`. Resolves when it has answered, or could not be asked. */
  refreshHost(freshMs: number): Promise<void>;
  /** Asks one side anew, whatever was just asked: something changed since. */
  askAnew(side: HostKeySide): Promise<void>;
  /** Since when this side is being asked, Unix milliseconds; undefined: nobody asks it now. */
  askedSince(side: HostKeySide): number | undefined;
  host(): Reading<StatusAnswer> | undefined;
  ssh(): Reading<SshProbe> | undefined;
  /** The last reading of SSH, if it is recent enough to say something about now. */
  sshNow(): SshSignal;
  /** Takes an answer of the host that somebody else got. */
  noteHost(answer: StatusAnswer): void;
  /** Asks now. Everybody sees the answer from then on. */
  readonly probeSsh: Guest['probe'];
}

export interface ReadingsParts {
  readonly host: PowerPath;
  readonly guest: Pick<Guest, 'probe'>;
}

const FRESH_MS = 3_000;
/** A reading that is older than this says nothing about now. */
export const READING_LIFE_MS = 30_000;
const PROBE_LIMIT_MS = 5_000;

export const stillSays = <T>(reading: Reading<T> | undefined, nowMs = Date.now()): T | undefined =>
  reading !== undefined && nowMs - Date.parse(reading.at) < READING_LIFE_MS ? reading.value : undefined;

export function createReadings({ host: path, guest }: ReadingsParts): Readings {
  // Nobody waits for its end: see `refresh`.
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
    askAnew: (side) => (side === 'vm' ? vm : host).anew(),
    askedSince: (side) => (side === 'vm' ? vm : host).since(),
    host: () => host.last(),
    ssh: () => vm.last(),
    sshNow() {
      const probe = stillSays(vm.last());
      return probe === undefined ? { reading: 'unknown', detail: 'not asked yet' } : sshSignal(probe);
    },
    noteHost: (answer) => host.note(answer),
    async probeSsh(limitMs, signal) {
      const probed = await vm.during(guest.probe(limitMs, signal));
      vm.note(probed);
      return probed;
    },
  };
}

interface Question<T> {
  refresh(freshMs?: number): Promise<void>;
  /** Lets the question that is under way end, and asks again. */
  anew(): Promise<void>;
  /** Takes an answer that came in another way. */
  note(value: T): void;
  last(): Reading<T> | undefined;
  /** Somebody asks it in their own way as long as this is under way. */
  during(asked: Promise<T>): Promise<T>;
  /** Since when it is being asked, by whomever. */
  since(): number | undefined;
}

/** The last answer to a question, which is asked again when the answer is old. When that fails, the last answer stays. */
function createQuestion<T>(ask: () => Promise<T>): Question<T> {
  let last: Reading<T> | undefined;
  let asking: Promise<unknown> | undefined;
  /** When each ask began that is under way. */
  const begun = new Set<{ readonly atMs: number }>();
  const during = <A>(asked: Promise<A>): Promise<A> => {
    const own = { atMs: Date.now() };
    begun.add(own);
    return asked.finally(() => begun.delete(own));
  };
  return {
    during,
    since() {
      const [oldest] = begun;
      return oldest?.atMs;
    },
    async anew() {
      await asking;
      await this.refresh(0);
    },
    async refresh(freshMs = FRESH_MS) {
      if (last !== undefined && Date.now() - Date.parse(last.at) < freshMs) return;
      const askedAt = Date.now();
      asking ??= during(ask())
        .then((value) => {
          // An answer that came in another way while this question hung is newer.
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
