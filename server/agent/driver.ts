// The driver over the Agent SDK: one live Claude Code process per active session, at most so many at a time.

import { mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Config } from '../config/config.ts';
import { BOUNDS, type DriverBounds } from './bounds.ts';
import {
  type AgentDefinition,
  BUILT_IN_TOOLS,
  DefinitionError,
  OUR_TOOLS,
  readDefinition,
} from './definition.ts';
import type { Hands } from './hands.ts';
import { LiveSession } from './live-session.ts';
import { residentMb, tooMuch } from './memory.ts';
import { askOnce, type OneAnswer } from './one-question.ts';
import { type ProcessUser, processUser } from './own-user.ts';
import type { AgentDriver } from './port.ts';
import {
  type AgentDirs,
  agentEnvironment,
  claudeBinary,
  makeAgentDirs,
  NoClaudeBinary,
  processOptions,
} from './process-options.ts';
import { createSeats, type GiveBack } from './seats.ts';
import { endpointOf, hasCredential } from './trouble.ts';

export interface AgentDriverDeps {
  /** Of a target that is configured. */
  readonly handsOf: (target: TargetName) => Hands;
  readonly config: Config['agent'];
  readonly dataDir: string;
  readonly searchPath: string;
  /** From `ownerMark`. By it a later server finds and ends the processes that this one left behind. */
  readonly ownerEnv: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly bounds?: Partial<DriverBounds>;
  /** The program. Default: the one of the Agent SDK. */
  readonly binary?: string;
}

export interface CountedDriver extends AgentDriver {
  /** Asks the model one small question, as a prompt would, in a process of its own that is gone when this resolves. It never rejects. */
  askOnce(signal: AbortSignal): Promise<OneAnswer>;
  /** How many sessions it keeps something for, and how many processes there are, those that are ending included. */
  counts(): { readonly known: number; readonly live: number };
}

/** Does not throw when the deployment is broken: `unavailable()` says what is missing, and the rest of the console works. */
export function createAgentDriver(deps: AgentDriverDeps): CountedDriver {
  const { config, logger } = deps;
  const bounds: DriverBounds = {
    ...BOUNDS,
    memoryMb: config.memoryMb,
    maxProcesses: config.maxProcesses,
    processLimitMb: config.processLimitMb,
    ...deps.bounds,
  };
  const seats = createSeats(bounds.maxProcesses);
  const definition = loadDefinition(config);
  const binary = deps.binary ?? findBinary();
  const places = makePlaces(config, deps.dataDir, logger);
  const { dirs, root } = typeof places === 'string' ? NO_PLACES : places;
  const user: ProcessUser =
    typeof places === 'string' || typeof binary !== 'string'
      ? { type: 'none', why: '' } // Not available anyway, with a reason of its own.
      : processUser(config.user, { dataDir: deps.dataDir, binary, root });
  if (user.type === 'the-server') logger.warn(user.why);
  const endpoint = endpointOf(config.credentials);
  // Of every process.
  const program = typeof binary === 'string' ? binary : '';
  const ownUser = user.type === 'own' ? user : undefined;
  const environment = () =>
    agentEnvironment({
      dirs,
      bounds,
      searchPath: deps.searchPath,
      credentials: config.credentials,
      ownerEnv: deps.ownerEnv,
    });
  const sessions = new Map<SessionId, LiveSession>();
  let closed = false;

  const unavailable = (): string | undefined => {
    if (closed) return 'The server is shutting down.';
    if (typeof definition === 'string') return definition;
    if (typeof binary !== 'string') return binary.message;
    if (typeof places === 'string') return places;
    if (user.type === 'none') return user.why;
    if (!hasCredential(config.credentials))
      return 'The agent has no credential for the model API: set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN and restart. The power buttons and triage work without it.';
    return undefined;
  };

  /** `more`: what is about to be started, MB. */
  const keepWithinMemory = (more: number): void => {
    const live = [...sessions.values()].filter((session) => session.isLive);
    const held = live.map((session) => ({
      session,
      mb: residentMb(session.pid) ?? bounds.processMb,
      isBusy: session.isBusy,
      lastUsed: session.lastUsed,
    }));
    for (const { session } of tooMuch(held, more, bounds.memoryMb))
      session
        .park()
        .catch((error: unknown) => logger.warn({ err: error }, 'an idle agent could not be parked'));
  };

  /** A free seat, for which the longest idle one has to go where there is none. */
  const takeSeat = (): Promise<GiveBack | undefined> => {
    keepWithinMemory(bounds.processMb);
    if (!seats.isFree) {
      const [idle] = [...sessions.values()]
        .filter((session) => session.isLive && !session.isBusy)
        .toSorted((a, b) => a.lastUsed - b.lastUsed);
      idle
        ?.park()
        .catch((error: unknown) => logger.warn({ err: error }, 'an idle agent could not be parked'));
    }
    return seats.take(bounds.seatWaitMs);
  };

  // However many people look, one process waits ahead of its first prompt.
  const mayWarm = (): boolean =>
    seats.isFree && ![...sessions.values()].some((session) => session.isLive && !session.isBusy);

  const watch = setInterval(() => {
    for (const session of sessions.values()) session.endIfAbove(bounds.processLimitMb);
  }, bounds.watchEveryMs);
  watch.unref();

  const create = (id: SessionId, target: TargetName, agent: AgentDefinition): LiveSession => {
    const hands = deps.handsOf(target);
    return new LiveSession({
      id,
      logger: logger.child({ session: id }),
      bounds,
      model: agent.model ?? config.model,
      configDir: dirs.config,
      show: { hasObserver: hands.guest.hasObserver, vmAlias: hands.targetAliases.vm },
      endpoint,
      user: ownUser,
      unavailable,
      mayWarm,
      makeRoom: takeSeat,
      onIdle: () => keepWithinMemory(0),
      onGone: () => sessions.delete(id),
      options: async (resume, model, exchange) => {
        const { toolServer } = await import('./tools.ts');
        return processOptions({
          session: id,
          resume,
          binary: program,
          model,
          exchange,
          definition: agent,
          target: hands.targetAliases.vm,
          confinement: { root, tools: agent.tools },
          env: environment(),
          tools: toolServer({
            hands,
            verbWaitMs: bounds.verbWaitMs,
            session: id,
            exchange,
            tools: OUR_TOOLS.filter((name) => agent.tools.includes(name)),
          }),
        });
      },
    });
  };

  return {
    unavailable,
    open(id, target) {
      const known = sessions.get(id);
      const agent = typeof definition === 'string' ? NO_AGENT : definition;
      const session = known ?? create(id, target, agent);
      sessions.set(id, session);
      session.warm();
      return session;
    },
    async askOnce(signal) {
      const why = unavailable();
      if (why !== undefined) return { type: 'not-asked', why };
      const giveBack = seats.isFree ? await seats.take(1) : undefined;
      if (giveBack === undefined)
        return {
          type: 'not-asked',
          why: `All ${bounds.maxProcesses} agent processes that may live are in use, so it was not asked. Look again when the turns are over.`,
        };
      try {
        return await askOnce(
          {
            binary: program,
            env: environment(),
            cwd: root,
            model: config.model,
            user: ownUser,
            endpoint,
            logger,
          },
          bounds.questionMs,
          signal,
        );
      } finally {
        giveBack();
      }
    },
    counts: () => ({
      known: sessions.size,
      live: seats.taken,
    }),
    async close() {
      closed = true;
      clearInterval(watch);
      await Promise.all([...sessions.values()].map((session) => session.close()));
    },
  };
}

/** Used when there is no definition. `unavailable` makes sure that no agent is started with it. */
const NO_AGENT: AgentDefinition = {
  name: 'none',
  description: '',
  model: undefined,
  tools: [...BUILT_IN_TOOLS],
  prompt: '-',
};

/** The definition, or a sentence that says why there is none. */
function loadDefinition(config: Config['agent']): AgentDefinition | string {
  try {
    return readDefinition(config.dir, config.name);
  } catch (error) {
    if (error instanceof DefinitionError) return error.message;
    throw error;
  }
}

function findBinary(): string | NoClaudeBinary {
  try {
    return claudeBinary();
  } catch (error) {
    if (error instanceof NoClaudeBinary) return error;
    throw error;
  }
}

interface Places {
  readonly dirs: AgentDirs;
  /** What the agent may read. */
  readonly root: string;
}
/** Used when the directories cannot be made. `unavailable` makes sure that no agent is started in them. */
const NO_PLACES: Places = { dirs: { home: '', config: '', temp: '' }, root: '' };

/** The agent's directories, or a sentence that says why there are none. */
function makePlaces(config: Config['agent'], dataDir: string, logger: Logger): Places | string {
  try {
    return { dirs: makeAgentDirs(dataDir), root: knowledgeDir(config.knowledgeDir, dataDir, logger) };
  } catch (error) {
    return `The agent's own directories cannot be made below ${path.join(dataDir, 'agent')} (${error instanceof Error ? error.message : String(error)}). Make that place writable and restart. The power buttons and triage work without it.`;
  }
}

/** The real path. If the directory is missing, the agent works without runbooks, in an empty directory. */
function knowledgeDir(wanted: string, dataDir: string, logger: Logger): string {
  try {
    return realpathSync(wanted);
  } catch {
    logger.warn(
      { knowledgeDir: wanted },
      'the knowledge directory does not exist: the agent has no runbooks. Set BREAKGLASS_KNOWLEDGE_DIR',
    );
    const empty = path.join(dataDir, 'agent', 'no-knowledge');
    mkdirSync(empty, { recursive: true });
    return realpathSync(empty);
  }
}
