// Sessions over a journal, for tests that need some: one turn at a time, and an agent that says nothing unless the test brings another.
import pino from 'pino';
import type { AgentDriver } from '../../server/agent/port.ts';
import type { Journal } from '../../server/journal/port.ts';
import { Sessions } from '../../server/sessions/sessions.ts';
import { scriptedAgent } from './scripted-agent.ts';

export const testSessions = (
  journal: Journal,
  agent: AgentDriver = scriptedAgent(async () => undefined),
): Sessions =>
  new Sessions({
    journal,
    agent,
    isTarget: () => true,
    maxConcurrentTurns: 1,
    turnTimeoutMs: 60_000,
    logger: pino({ level: 'silent' }),
  });
