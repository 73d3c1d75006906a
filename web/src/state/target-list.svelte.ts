// The list of targets with the state of each. It asks only while somebody looks at it, and its rows stay where they are: the
// order is chosen when the list is opened or pulled (at once from what is known, and once more from the answer to that, unless
// a finger is on the rows by then). Between these the states change in place.
import type { Me, TargetState } from '../../../protocol/me.ts';
import { fetchTargets } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { clock } from './clock.svelte.ts';
import { type Health, healthOf, tooLow, worstFirst } from './target-health.ts';

const POLL_MS = 5_000;
// A console that has read nothing yet knows little in its first answer. One more is asked for soon; then the order stays.
const FIRST_ANSWERS = 2;
const SOON_MS = 500;
// A finger needs about this long to land. A tap that lands sooner after the rows have moved was meant for another row.
const AIM_MS = 350;

export interface Row {
  readonly name: string;
  readonly title: string | undefined;
  readonly health: Health;
  /** Since when an incident is open; undefined: none is. */
  readonly incidentSince: string | undefined;
}

interface ListPorts {
  /** All targets, in the order of the configuration. */
  readonly targets: () => Me['targets'];
  /** Readings that the page has from elsewhere. */
  readonly readings: () => readonly TargetState[];
  readonly signedOut: () => void;
}

export class TargetList {
  readonly #ports: ListPorts;
  #states = $state.raw<ReadonlyMap<string, TargetState>>(new Map());
  #order = $state.raw<readonly string[]>([]);
  #sortedAtMs = $state(0);
  #error = $state('');
  #asking = $state(false);
  /** How far the server's clock is ahead of this one. The server dates the readings. */
  #aheadMs = $state(0);
  /** How many more answers may change the order; 0: it stays. */
  #answersLeft = $state(0);
  #openedAtMs = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #moved: { readonly names: ReadonlySet<string>; readonly atMs: number } = { names: new Set(), atMs: 0 };
  #request: Promise<void> | undefined;

  constructor(ports: ListPorts) {
    this.#ports = ports;
  }

  get rows(): readonly Row[] {
    const now = clock.nowMs + this.#aheadMs;
    const known = new Map(this.#ports.targets().map((target) => [target.name as string, target]));
    // A target that is new in the configuration stands at the end until the order is chosen again.
    const added = [...known.keys()].filter((name) => !this.#order.includes(name));
    return [...this.#order, ...added].flatMap((name) => {
      const target = known.get(name);
      if (!target) return [];
      const state = this.#states.get(name);
      const incidentSince = state?.incident?.opened_at;
      return [{ name, title: target.title, health: healthOf(state, now), incidentSince }];
    });
  }
  /** Why the last question to the console failed. */
  get error(): string {
    return this.#error;
  }
  get asking(): boolean {
    return this.#asking;
  }
  get sortedAtMs(): number {
    return this.#sortedAtMs;
  }
  /** The next answer may still change the order. */
  get sorting(): boolean {
    return this.#answersLeft > 0;
  }
  /** Targets that are in trouble and stand below better ones. */
  get tooLow(): readonly string[] {
    return this.sorting ? [] : tooLow(this.rows.map(({ name, health }) => ({ name, level: health.level })));
  }

  /** Starts to ask, because somebody looks at the list. Returns what stops it. */
  open(): () => void {
    const states = new Map(this.#states);
    for (const state of this.#ports.readings())
      if ((states.get(state.name)?.vm.at ?? '') < (state.vm.at ?? '')) states.set(state.name, state);
    this.#states = states;
    const look = () => {
      if (document.visibilityState === 'visible') void this.#ask();
    };
    const timer = setInterval(look, POLL_MS);
    document.addEventListener('visibilitychange', look);
    this.pull();
    return () => {
      this.#answersLeft = 0;
      clearTimeout(this.#soon);
      clearInterval(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }

  /** Puts the rows in order and asks again: a person wants to see the present state. */
  pull(): void {
    this.#openedAtMs = Date.now();
    this.#answersLeft = FIRST_ANSWERS;
    this.#sort();
    void this.#ask();
  }

  /** Keeps the rows where they are, because a finger, a pointer or the focus is on them. */
  hold(): void {
    this.#answersLeft = 0;
  }

  /** False: the row has come under the finger only a moment ago, so another row was meant. */
  isMeant(name: string): boolean {
    return !(this.#moved.names.has(name) && Date.now() - this.#moved.atMs < AIM_MS);
  }

  #ask(): Promise<void> {
    this.#request ??= this.#fetch().finally(() => {
      this.#request = undefined;
    });
    return this.#request;
  }

  async #fetch(): Promise<void> {
    this.#asking = true;
    try {
      const { targets } = await fetchTargets((serverMs) => {
        this.#aheadMs = serverMs - Date.now();
      });
      this.#states = new Map(targets.map((state) => [state.name as string, state]));
      this.#error = '';
      this.#settle();
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#ports.signedOut();
      this.#error = message;
    } finally {
      this.#asking = false;
    }
  }

  /** Chooses the order from the first answer that knows most targets, or else from the last one that may. */
  #settle(): void {
    if (this.#answersLeft === 0) return;
    this.#answersLeft -= 1;
    const read = this.rows.filter(({ health }) => health.level !== 'asking').length;
    if (this.#answersLeft > 0 && read * 2 < this.rows.length) {
      this.#soon = setTimeout(() => void this.#ask(), SOON_MS);
      return;
    }
    this.#answersLeft = 0;
    this.#sort();
  }

  #sort(): void {
    const nowMs = Date.now();
    const serverMs = nowMs + this.#aheadMs;
    const names = this.#ports.targets().map(({ name }) => name as string);
    const before = this.#order;
    this.#order = worstFirst(names, (name) => healthOf(this.#states.get(name), serverMs).level);
    this.#sortedAtMs = nowMs;
    // Nobody can have aimed at a list that has opened only a moment ago.
    if (nowMs - this.#openedAtMs < AIM_MS) return;
    const moved = this.#order.filter((name, index) => before[index] !== name);
    this.#moved = { names: new Set(moved), atMs: nowMs };
  }
}
