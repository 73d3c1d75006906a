// What the agent's tests stand on: a driver over the real Claude Code CLI, a scripted endpoint, and small real objects for the
// VM and the power host that note what reached them.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { type Handler, type ScriptedModel, startScriptedModel } from '../../lab/model/scripted.ts';
import type { KnownVm } from '../../protocol/applicable-verbs.ts';
import type { PolicyMode } from '../../protocol/approvals.ts';
import type { JournaledBody } from '../../protocol/events.ts';
import {
  newOperationId,
  newSessionId,
  type OperationId,
  parseTargetName,
  type SessionId,
  type TargetName,
} from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { favourAgents } from '../../test/support/favour-agents.ts';
import type { Guest, GuestCommand, GuestResult, Probed } from '../guest/port.ts';
import type { LastChange, Power, VerbRequest } from '../power/port.ts';
import { createPress } from '../press/press.ts';
import { createRepeats } from '../press/repeats.ts';
import { createSecondPresses } from '../press/second-press.ts';
import type { DriverBounds } from './bounds.ts';
import { CapturePace, ForensicsPace } from './capture-pace.ts';
import { type AgentDriverDeps, type CountedDriver, createAgentDriver } from './driver.ts';
import type { Hands } from './hands.ts';
import type { AgentUser } from './own-user.ts';
import { type AgentDriver, type LiveAgent, NotRecorded, type TurnLog } from './port.ts';
import type { AgentEvent } from './translate.ts';

export const SECRET = 'sk-test-this-must-not-be-seen';

type Answer = Partial<GuestResult>;

/** A policy that is the same in every session. */
export const policyOf = (mode: PolicyMode) => () => Promise.resolve(() => ({ mode, granted: false }));

/** A VM: notes each command; `answer` says what it prints, and may wait for the stop. */
export class FixtureGuest implements Guest {
  readonly hasObserver: boolean = true;
  readonly seen: GuestCommand[] = [];
  answer: (command: GuestCommand) => Answer | Promise<Answer> = () => ({ output: 'ok\n' });

  async run(command: GuestCommand): Promise<GuestResult> {
    this.seen.push(command);
    const answer = await this.answer(command);
    if (answer.output !== undefined) command.onOutput('stdout', answer.output);
    return { ended: 'exited', exitCode: 0, output: '', truncated: false, durationMs: 5, ...answer };
  }
  probe(): Promise<Probed> {
    return Promise.resolve({
      answers: true,
      reading: 'works',
      reached: 'logged-in',
      detail: 'SSH answers',
      ms: 1,
    });
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class FixturePower implements Power {
  readonly seen: VerbRequest[] = [];
  /** Until it resolves the operation runs. */
  end: Promise<void> = Promise.resolve();
  /** What a verb prints. */
  stdout = 'status: running\n';
  /** The last mutating verb, of whomever. */
  change: LastChange | undefined;
  readonly #known = new Map<OperationId, Operation>();

  start(request: VerbRequest): Promise<Operation> {
    this.seen.push(request);
    const operation: Operation = {
      id: newOperationId(),
      target,
      verb: request.verb,
      by: request.by,
      started_at: new Date().toISOString(),
      state: 'running',
      steps: [],
    };
    this.#known.set(operation.id, operation);
    return Promise.resolve(operation);
  }
  checkFree(): void {}
  get(id: OperationId): Promise<Operation | undefined> {
    return Promise.resolve(this.#known.get(id));
  }
  async wait(id: OperationId): Promise<Operation> {
    await this.end;
    const operation = this.#known.get(id);
    if (operation === undefined) throw new Error('unreachable');
    const result = {
      verb: operation.verb,
      exit_code: 0,
      stdout: this.stdout,
      stderr: '',
      rejected: false,
    };
    return { ...operation, state: 'succeeded', result, outcome: { summary: 'The VM runs.' } };
  }
  waitResult(id: OperationId): Promise<Operation> {
    return this.wait(id);
  }
  watch(): () => void {
    return () => undefined;
  }
  follow(): () => void {
    return () => undefined;
  }
  running(): undefined {
    return undefined;
  }
  lastChange(): LastChange | undefined {
    return this.change;
  }
  recover(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

const named = parseTargetName('devvm');
if (named === undefined) throw new Error('unreachable: the name is valid');
/** The target of every session here. */
export const target: TargetName = named;

export const WELL: TriageReport = {
  target,
  at: '2026-01-01T00:00:00.000Z',
  cautions: [],
  finding: {
    code: 'healthy',
    summary: 'Nothing is wrong.',
    confidence: 0.9,
    advised: null,
    warned: [],
    advice: 'Look inside.',
    inputs: [],
  },
};

export interface Rig {
  readonly dir: string;
  readonly knowledge: string;
  readonly model: ScriptedModel;
  readonly guest: FixtureGuest;
  readonly power: FixturePower;
  readonly driver: CountedDriver;
  readonly session: SessionId;
  readonly agent: LiveAgent;
  /** A second driver on the same data, as after a restart of the server. */
  again(): AgentDriver;
  close(): Promise<void>;
}

export interface RigOptions {
  readonly bounds?: Partial<DriverBounds>;
  readonly deps?: Partial<AgentDriverDeps>;
  readonly hands?: Partial<Hands>;
  /** What triage says right before a verb. */
  readonly finding?: TriageReport;
  /** What is known of the VM right before a verb; absent: nothing. */
  readonly vm?: KnownVm;
  readonly credentials?: Readonly<Record<string, string>>;
  /** More of the process's environment, over what we set. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly user?: AgentUser;
  /** The niceness that the driver gives its processes is left to them. */
  readonly nice?: boolean;
}

export async function startRig(handler: Handler, options: RigOptions = {}): Promise<Rig> {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'breakglass-agent-')));
  const knowledge = path.join(dir, 'knowledge');
  mkdirSync(knowledge);
  writeFileSync(path.join(knowledge, 'disk-full.md'), '# A runbook\n');
  const model = await startScriptedModel(handler);
  const guest = new FixtureGuest();
  const power = new FixturePower();
  const drivers: AgentDriver[] = [];
  const favoured = options.nice === true ? undefined : favourAgents(() => process.pid);
  const make = (): CountedDriver => {
    const driver = createAgentDriver({
      config: {
        name: 'breakglass',
        dir: path.resolve(import.meta.dirname, '../../agents'),
        model: 'sonnet',
        maxConcurrentTurns: 2,
        memoryMb: 512,
        maxProcesses: 3,
        processLimitMb: 1_024,
        user: options.user,
        turnTimeoutMs: 60_000,
        knowledgeDir: knowledge,
        credentials: options.credentials ?? {
          ANTHROPIC_API_KEY: SECRET,
          ANTHROPIC_BASE_URL: model.url,
          ...options.environment,
        },
      },
      dataDir: dir,
      searchPath: process.env['PATH'] ?? '/usr/bin:/bin',
      ownerEnv: {},
      handsOf: () => ({
        guest,
        power,
        press: createPress({
          target,
          power,
          vmNow: () => Promise.resolve(options.vm),
          quickTriage: () => Promise.resolve(options.finding ?? WELL),
          secondPresses: createSecondPresses(),
          repeats: createRepeats((operation) => power.get(operation.id)),
        }),
        triage: () => Promise.resolve(WELL),
        target,
        policy: policyOf('autonomous'),
        ask: () => Promise.reject(new Error('nobody is asked here')),
        captures: {
          forensics: new ForensicsPace(0),
          triage: new CapturePace(0),
          longerLook: new CapturePace(0),
        },
        verbBudget: () => Promise.resolve({ spentAt: [], now: Date.now() }),
        vmStopped: () => Promise.resolve(false),
        shutdownBy: () => Promise.resolve(undefined),
        targetAliases: { vm: 'devvm', powerHost: 'pve' },
        ...options.hands,
      }),
      logger: pino({ level: 'silent' }),
      ...options.deps,
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
    });
    drivers.push(driver);
    return driver;
  };
  const driver = make();
  const session = newSessionId();
  return {
    dir,
    knowledge,
    model,
    guest,
    power,
    driver,
    session,
    agent: driver.open(session, target),
    again: make,
    async close() {
      favoured?.end();
      await Promise.all(drivers.map((each) => each.close()));
      await model.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface TurnContext {
  readonly signal: AbortSignal;
  readonly model: string | undefined;
}

export const turnContext = (
  signal: AbortSignal = new AbortController().signal,
  model?: string,
): TurnContext => ({ signal, model });

/**
 * Runs a turn to its end. `onEvent` is the journal: the agent goes on only when it has resolved, and is stopped when it
 * rejects. Events told after the end are added to what was returned.
 */
export async function runTurn(
  agent: LiveAgent,
  prompt: string,
  onEvent: (event: AgentEvent) => void | Promise<void> = () => undefined,
  { signal, model }: TurnContext = turnContext(),
): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  const take = async (event: AgentEvent): Promise<void> => {
    events.push(event);
    await onEvent(event);
  };
  const unrecorded = new AbortController();
  const log: TurnLog = {
    record: (body) =>
      take({ type: 'event', body }).catch((error: unknown) => {
        unrecorded.abort(new NotRecorded(String(error)));
        throw unrecorded.signal.reason;
      }),
    show: (live) => void take(live),
    pause: () => () => undefined,
    recordLater: (body) => take({ type: 'event', body }),
  };
  await agent.run({ text: prompt, model }, log, AbortSignal.any([signal, unrecorded.signal]));
  return events;
}

export type BodyOf<K extends JournaledBody['kind']> = Extract<JournaledBody, { kind: K }>;

export const bodies = (events: readonly AgentEvent[]): JournaledBody[] =>
  events.flatMap((each) => (each.type === 'event' ? [each.body] : []));

const isKind = <K extends JournaledBody['kind']>(body: JournaledBody, kind: K): body is BodyOf<K> =>
  body.kind === kind;

export const ofKind = <K extends JournaledBody['kind']>(
  events: readonly AgentEvent[],
  kind: K,
): BodyOf<K>[] => bodies(events).flatMap((body) => (isKind(body, kind) ? [body] : []));

export const kinds = (events: readonly AgentEvent[]): string[] => bodies(events).map((body) => body.kind);
