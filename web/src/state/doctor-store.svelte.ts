// Doctor, as this page knows it: the last examination, the one that runs (here or on another device), what this browser measures itself, and
// the drills. There is one while the page lives. It asks seldom, and often only while somebody looks.
import type { Doctor, Drill, Examination } from '../../../protocol/doctor.ts';
import { examineLinks, fetchDoctor, walkDrill } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { measureStream } from '../api/measure-stream.ts';
import { type Measured, withMeasured } from './doctor-words.ts';
import { serverClock } from './server-clock.svelte.ts';
import { hindrancesOf, isSetUp, recheckPauseMs } from './set-up.ts';

const POLL_MS = 60_000;
/** While a view of it is open: another device may have begun an examination. */
const LOOKED_AT_MS = 5_000;
const RUNNING_MS = 2_000;

export type DrillRun =
  | { readonly state: 'running'; readonly since: string }
  | { readonly state: 'ended'; readonly drill: Drill }
  | { readonly state: 'not-known'; readonly why: string };

interface DoctorPorts {
  readonly signedOut: () => void;
}

export class DoctorStore {
  readonly #ports: DoctorPorts;
  #doctor = $state.raw<Doctor | null>(null);
  #measured = $state.raw<Measured | null>(null);
  #isMeasuring = $state(false);
  #ownSince = $state<string | null>(null);
  #askTrouble = $state('');
  #checkTrouble = $state('');
  #answeredAt = $state<string | null>(null);
  #drills = $state.raw<Readonly<Record<string, DrillRun>>>({});
  #watched = false;
  #looking = 0;
  #checkedMs = 0;
  /** Checks that nobody asked for, since anything changed. */
  #rechecks = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: Promise<void> | undefined;
  #measuring: AbortController | undefined;

  constructor(ports: DoctorPorts) {
    this.#ports = ports;
  }

  /** Null until the console has answered. */
  get doctor(): Doctor | null {
    return this.#doctor;
  }
  /** The last examination, with what this browser has measured. */
  get examination(): Examination | null {
    const last = this.#doctor?.last ?? null;
    return last === null ? null : withMeasured(last, this.#measured);
  }
  /** This browser measures whether event streams come through. */
  get measuring(): boolean {
    return this.#isMeasuring;
  }
  /** Since when links are examined, here or elsewhere; null: they are not. */
  get runningSince(): string | null {
    return this.#doctor?.running?.since ?? this.#ownSince;
  }
  /** Why the console could not be asked; then what is shown is from `answeredAt`. */
  get askTrouble(): string {
    return this.#askTrouble;
  }
  get answeredAt(): string | null {
    return this.#answeredAt;
  }
  /** Why the last check from here did not come to its end. */
  get checkTrouble(): string {
    return this.#checkTrouble;
  }
  drillOf(target: string): DrillRun | undefined {
    return this.#drills[target];
  }

  /** Asks now and then, while the page is visible. Returns what stops it. */
  watch(): () => void {
    const look = () => {
      if (document.visibilityState === 'visible') void this.ask();
    };
    document.addEventListener('visibilitychange', look);
    this.#watched = true;
    void this.ask();
    return () => {
      this.#watched = false;
      document.removeEventListener('visibilitychange', look);
      clearTimeout(this.#timer);
      this.#measuring?.abort();
    };
  }

  /** Somebody looks at the links: they are asked for more often, and the stream is measured. Returns what ends that. */
  look(): () => void {
    this.#looking += 1;
    void this.ask();
    this.#measure();
    return () => {
      this.#looking -= 1;
      if (this.#looking === 0) this.#measuring?.abort();
    };
  }

  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        if (this.#watched && document.visibilityState === 'visible') void this.ask();
      }, this.#pauseMs());
    });
    return this.#asking;
  }

  /** Examines all links now. Whoever asks while that runs gets the same result. */
  async check(): Promise<void> {
    this.#rechecks = 0;
    await this.#check();
  }

  async #check(): Promise<void> {
    if (this.#ownSince !== null) return;
    this.#checkedMs = serverClock.exactMs;
    this.#ownSince = new Date(serverClock.exactMs).toISOString();
    this.#checkTrouble = '';
    if (this.#looking > 0) this.#measure();
    try {
      this.#adopt(await examineLinks());
    } catch (error) {
      this.#checkTrouble = this.#wordsOf(error, 'The links were not checked');
    } finally {
      this.#ownSince = null;
      this.#checkedMs = serverClock.exactMs;
    }
    await this.ask();
  }

  /** For the first run: checks again by itself while something that power needs does not work, and less and less often. */
  recheckIfDue(): void {
    const last = this.#doctor?.last;
    if (this.#doctor === null || this.runningSince !== null) return;
    if (document.visibilityState !== 'visible') return;
    if (last !== null && last !== undefined && isSetUp(last)) return;
    const endedMs = last === null || last === undefined ? 0 : Date.parse(last.at) + last.took_ms;
    if (serverClock.exactMs - Math.max(endedMs, this.#checkedMs) < recheckPauseMs(this.#rechecks)) return;
    this.#rechecks += 1;
    void this.#check();
  }

  async drill(target: string): Promise<void> {
    if (this.#drills[target]?.state === 'running') return;
    const put = (run: DrillRun) => {
      this.#drills = { ...this.#drills, [target]: run };
    };
    put({ state: 'running', since: new Date(serverClock.exactMs).toISOString() });
    try {
      put({ state: 'ended', drill: await walkDrill(target) });
    } catch (error) {
      // An edge that does not wait so long answers itself, and the drill goes on.
      const contact = ![0, 502, 504].includes(asApiError(error).status);
      const why = this.#wordsOf(
        error,
        contact ? 'The drill was not walked' : 'Nobody knows how the drill ended',
      );
      put({ state: 'not-known', why });
    }
    await this.ask();
  }

  #pauseMs(): number {
    if (this.runningSince !== null) return RUNNING_MS;
    return this.#looking > 0 ? LOOKED_AT_MS : POLL_MS;
  }

  async #ask(): Promise<void> {
    try {
      const doctor = await fetchDoctor((serverMs) => serverClock.note(serverMs));
      // An answer from before a check that has ended here knows less.
      const known = this.#doctor?.last ?? null;
      const isOlder = known !== null && (doctor.last === null || doctor.last.at < known.at);
      this.#doctor = isOlder ? { ...doctor, last: known } : doctor;
      this.#askTrouble = '';
      this.#answeredAt = new Date(serverClock.exactMs).toISOString();
    } catch (error) {
      this.#askTrouble = this.#wordsOf(error, 'The links could not be asked for');
    }
  }

  #adopt(last: Examination): void {
    const { next_at = null, last: before = null } = this.#doctor ?? {};
    if (before !== null && hindrancesOf(before) !== hindrancesOf(last)) this.#rechecks = 0;
    this.#doctor = { last, running: null, next_at };
  }

  #measure(): void {
    this.#measuring?.abort();
    const measuring = new AbortController();
    this.#measuring = measuring;
    this.#isMeasuring = true;
    measureStream(measuring.signal)
      .then((measured) => {
        if (!measuring.signal.aborted) this.#measured = measured;
      })
      .catch((error: unknown) => console.error(error))
      .finally(() => {
        if (this.#measuring === measuring) this.#isMeasuring = false;
      });
  }

  #wordsOf(error: unknown, what: string): string {
    const { status, message } = asApiError(error);
    if (status === 401) this.#ports.signedOut();
    return `${what}: ${message}`;
  }
}
