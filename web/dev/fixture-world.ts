// What the fixture server knows: its targets, sessions and operations, and how it was told to misbehave.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { FixtureApprovals } from './fixture-approvals.ts';
import { FixtureDoctor } from './fixture-doctor.ts';
import { evidenceIdOf, operationSteps, powerOutput, turnScript } from './fixture-scripts.ts';
import type { FixtureSession, Json } from './fixture-session.ts';
import { type FixtureTarget, SETS, type SetName } from './fixture-targets.ts';
import { oddTurn } from './fixture-turns.ts';

export type FixtureOperation = Json & {
  readonly id: string;
  readonly target: string;
  readonly verb: string;
  state: string;
  output: string;
};

/** How fast turns and verbs go on: as a person sees them, or at once. */
export type Pace = 'person' | 'quick';
/** What lasts longer does so on purpose. */
const PLAYS_MS = 1_000;

const now = () => new Date().toISOString();

export const frame = (value: unknown, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(value)}\n\n`;

export class World {
  readonly targets: readonly FixtureTarget[];
  readonly sessions = new Map<string, FixtureSession>();
  readonly operations = new Map<string, FixtureOperation>();
  readonly approvals = new FixtureApprovals(this);
  readonly doctor: FixtureDoctor;
  link: 'ok' | 'refuse' = 'ok';
  nextPower: 'ok' | 'unknown' | 'checking' | 'busy' | 'contradict' = 'ok';
  mode: 'full' | 'power-only' = 'full';
  role: 'operator' | 'observer' = 'operator';
  agentAway = false;
  /** `quick`: what only plays, as words that are being written, takes no time. */
  pace: Pace = 'person';
  /** Every answer about a target names this one instead. */
  mixedUp = '';
  /** The verb on this target goes on only when another name, or none, is put here. */
  frozen = '';
  /** Whether the cookie of this browser still counts. */
  signedIn = true;
  /** The next answer on a path that ends so is a problem of this status. */
  failNext: { readonly path: string; readonly status: number } | undefined;
  readonly #holds = new Map<string, PromiseWithResolvers<void>>();
  #nextId = 1;

  constructor(set: SetName) {
    this.targets = SETS[set]();
    this.doctor = new FixtureDoctor(this.targets.map(({ name }) => name));
  }

  target(name: string): FixtureTarget | undefined {
    return this.targets.find((one) => one.name === name);
  }

  /** The status that the next answer on this path is to have; undefined: as it is. */
  failureOf(path: string): number | undefined {
    if (this.failNext === undefined || !path.endsWith(this.failNext.path)) return undefined;
    const { status } = this.failNext;
    this.failNext = undefined;
    return status;
  }

  runningOn(target: string): FixtureOperation | undefined {
    return [...this.operations.values()].find((one) => one.target === target && one.state === 'running');
  }

  /** Answers on this path wait until it is released. */
  hold(path: string): void {
    if (!this.#holds.has(path)) this.#holds.set(path, Promise.withResolvers());
  }
  /** `path` undefined: all of them. */
  release(path?: string): void {
    for (const [held, hold] of this.#holds) {
      if (path !== undefined && held !== path) continue;
      hold.resolve();
      this.#holds.delete(held);
    }
  }
  async held(path: string): Promise<void> {
    await this.#holds.get(path)?.promise;
  }

  openSession(target: string): string {
    const id = randomUUID();
    const session: FixtureSession = { id, target, events: [], clients: new Set(), running: null, queue: [] };
    this.sessions.set(id, session);
    this.emit(session, { kind: 'session_opened', session_id: id });
    return id;
  }

  emit(session: FixtureSession, body: Json, ephemeral = false): void {
    const { id: session_id, target } = session;
    const scope = { at: now(), v: 1, target, session_id, actor: { type: 'server', name: 'fixture' } };
    const event = ephemeral ? body : { ...scope, ...body, id: this.#nextId++ };
    if ('id' in event) session.events.push(event as Json & { id: number });
    for (const client of session.clients)
      client.write(frame(event, 'id' in event ? (event['id'] as number) : undefined));
  }

  async runTurn(session: FixtureSession, prompt: string): Promise<void> {
    const running = new AbortController();
    session.running = running;
    this.emit(session, { kind: 'user', text: prompt });
    try {
      for (const step of oddTurn(session.target, prompt, randomUUID()) ?? turnScript(session.target)) {
        await sleep(this.#paced(step.afterMs), undefined, { signal: running.signal });
        this.emit(session, step.event, step.ephemeral);
      }
    } catch {
      const note = `The command was seen to end on ${session.target}.`;
      this.emit(session, { kind: 'cancelled', by: 'fixture', note });
    }
    session.running = null;
    this.emit(session, { kind: 'turn_end' });
    const next = session.queue.shift();
    if (next) {
      this.emit(session, { kind: 'unqueued', queue_id: next.id, reason: 'started' });
      void this.runTurn(session, next.prompt);
    }
  }

  #paced(ms: number): number {
    return this.pace === 'quick' && ms < PLAYS_MS ? 1 : ms;
  }

  startOperation(target: FixtureTarget, verb: string): FixtureOperation {
    const operation: FixtureOperation = {
      id: randomUUID(),
      target: target.name,
      verb,
      by: { type: 'operator', name: 'operator' },
      started_at: now(),
      state: 'running',
      steps: [],
      output: '',
    };
    this.operations.set(operation.id, operation);
    void this.#run(operation, target);
    return operation;
  }

  async #run(operation: FixtureOperation, target: FixtureTarget): Promise<void> {
    const { id, verb } = operation;
    const tell = (body: Json) => {
      for (const session of this.sessions.values())
        if (session.target === target.name) this.emit(session, { ...body, verb, operation_id: id });
    };
    tell({ kind: 'power_started', by: operation['by'] });
    const steps: Json[] = [];
    operation['steps'] = steps;
    if (verb === 'start' || verb === 'cycle') operation['limit'] = { seconds: 365, at: now() };
    for (const name of operationSteps(verb)) {
      const step: Json = { name, at: now() };
      steps.push(step);
      tell({ kind: 'power_step', step: { ...step } });
      for (const line of powerOutput(target.name, name)) {
        do await sleep(this.#paced(120));
        while (this.frozen === target.name);
        operation.output += line;
        tell({ kind: 'power_output', stream: 'stdout', text: line });
      }
      Object.assign(step, { ms: 120 * 8 + 31, ok: true });
      tell({ kind: 'power_step', step: { ...step } });
    }
    // The connection was lost, and the power host is asked: `unknown`, and not the end.
    if (this.nextPower === 'checking') operation.state = 'unknown';
    while (this.nextPower === 'checking') await sleep(this.#paced(120));
    const unknown = this.nextPower === 'unknown';
    this.nextPower = 'ok';
    if (verb === 'stop') target.vm = 'stopped';
    if (verb === 'cycle' || verb === 'start') Object.assign(target, { vm: 'running', ssh: true, qmp: true });
    Object.assign(operation, { finished_at: now(), state: unknown ? 'unknown' : 'succeeded' });
    if (!unknown && !['status', 'forensics'].includes(verb))
      operation['outcome'] = {
        summary: 'running, new QEMU process, SSH answered after 21 s',
        vm_state: target.vm,
        ...(verb === 'cycle' ? { new_process: true, ssh_answers: true, ssh_after_s: 21 } : {}),
      };
    if (verb !== 'status') operation['evidence_id'] = evidenceIdOf(target.name);
    tell({ kind: 'power_finished', state: operation.state, steps, outcome: operation['outcome'] });
  }
}
