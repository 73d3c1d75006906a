// The fixture's doctor: an examination takes a moment, finds what the scenario says, and whoever asks meanwhile gets the same.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Doctor, DoctorTick, Drill, Examination, LinkCode, LinkState } from '../../protocol/doctor.ts';
import type { EvidenceId, TargetName } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { allLinks, BROKEN, type Fault, FIRST_RUN } from './fixture-links.ts';
import { evidenceIdOf } from './fixture-scripts.ts';

const EXAMINES_MS = 600;
const STEP_MS = 300;
const TICK_MS = 250;
const TICKS = 8;
const HOUR_MS = 3_600_000;

export type DoctorScenario = 'well' | 'broken' | 'first-run' | 'running' | 'never' | 'overdue';
export const DOCTOR_SCENARIOS: readonly DoctorScenario[] = [
  'well',
  'broken',
  'first-run',
  'running',
  'never',
  'overdue',
];

const SERVER: Actor = { type: 'server', name: 'doctor' };
const OPERATOR: Actor = { type: 'operator', name: 'operator' };
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

export class FixtureDoctor {
  readonly #targets: readonly string[];
  #faults: readonly Fault[] = [];
  #last: Examination | null;
  #running: { readonly since: string } | null = null;
  #nextAt: string | null = ago(-21 * HOUR_MS);
  #examination: Promise<Examination> | undefined;
  scenario: DoctorScenario = 'well';
  /** `held`: all ticks at once, as an edge that keeps streams back delivers them. `cut`: it ends after three. */
  stream: 'live' | 'held' | 'cut' = 'live';
  drillFails = false;

  constructor(targets: readonly string[]) {
    this.#targets = targets;
    this.#last = this.#look(SERVER, ago(3 * HOUR_MS));
  }

  play(scenario: DoctorScenario): void {
    this.scenario = scenario;
    this.#faults = scenario === 'broken' ? BROKEN : scenario === 'first-run' ? FIRST_RUN : [];
    this.#running = scenario === 'running' ? { since: ago(12_000) } : null;
    const hours = scenario === 'overdue' ? 80 : 3;
    this.#nextAt = ago((hours - 24) * HOUR_MS);
    this.#last =
      scenario === 'never'
        ? null
        : this.#look(
            SERVER,
            ago(scenario === 'broken' || scenario === 'first-run' ? 5 * 60_000 : hours * HOUR_MS),
          );
  }

  /** The next examination finds it well, and what hung on it. */
  cure(code: string): void {
    this.#faults = this.#faults.filter((fault) => fault.code !== code && fault.because !== code);
  }

  has(code: LinkCode): boolean {
    return this.#faults.some((fault) => fault.code === code && fault.state === 'broken');
  }

  get doctor(): Doctor {
    return { last: this.#last, running: this.#running, next_at: this.#nextAt };
  }

  examine(): Promise<Examination> {
    this.#examination ??= this.#examine().finally(() => {
      this.#examination = undefined;
    });
    return this.#examination;
  }

  async #examine(): Promise<Examination> {
    const since = new Date().toISOString();
    this.#running = { since };
    await sleep(EXAMINES_MS);
    this.#last = this.#look(OPERATOR, since);
    this.#running = null;
    this.#nextAt = ago(-24 * HOUR_MS);
    return this.#last;
  }

  #look(by: Actor, at: string): Examination {
    const links = allLinks(this.#targets, this.#faults);
    const count: Record<LinkState, number> = {
      works: 0,
      doubtful: 0,
      broken: 0,
      'not-checked': 0,
      'not-used': 0,
    };
    for (const { state } of links) count[state] += 1;
    return { at, took_ms: EXAMINES_MS, by, links, count };
  }

  async *ticks(): AsyncGenerator<DoctorTick> {
    for (let n = 1; n <= (this.stream === 'cut' ? 3 : TICKS); n += 1) {
      // The server sends them apart also where the edge delivers them together.
      const sent_at = new Date(Date.now() + (this.stream === 'held' ? n * TICK_MS : 0)).toISOString();
      yield { kind: 'tick', n, of: TICKS, sent_at };
      if (this.stream !== 'held') await sleep(TICK_MS);
    }
  }

  async drill(target: string): Promise<Drill> {
    const at = new Date().toISOString();
    const names = ['links', 'status', 'triage', 'forensics', 'evidence', 'notification'] as const;
    const details: Record<(typeof names)[number], string> = {
      links: 'No link of this target is broken.',
      status: 'VM 102 is running.',
      triage: 'Nothing is wrong with it.',
      forensics: 'Captured in 4.1 s.',
      evidence: '12 files were read back.',
      notification: 'Sent to 2 devices.',
    };
    const steps: Drill['steps'][number][] = [];
    for (const name of names) {
      await sleep(STEP_MS);
      const fails = this.drillFails && (name === 'forensics' || name === 'evidence');
      steps.push({
        name,
        ok: !fails,
        took_ms: name === 'forensics' ? 4_100 : 310,
        detail: !fails
          ? details[name]
          : name === 'forensics'
            ? 'The power host did not answer within 60 s.'
            : 'The capture brought no evidence here.',
      });
    }
    return {
      at,
      by: OPERATOR,
      target: target as TargetName,
      ok: !this.drillFails,
      steps,
      ...(this.drillFails ? {} : { evidence_id: evidenceIdOf(target) as EvidenceId }),
    };
  }
}
