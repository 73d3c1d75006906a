// What the look at an alert does to the policy of a session in which a person is at work.
import pino from 'pino';
import { expect, test } from 'vitest';
import { newSessionId, toolCallId } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { devvm } from './alerts.fixture.ts';
import { letLook } from './let-look.ts';

function looking(isRunning: boolean) {
  const journal = createMemoryJournal();
  const approvals = approvalsOn(journal);
  const session = { id: newSessionId(), target: devvm };
  const sessions: Pick<Sessions, 'prompt' | 'isRunning'> = {
    isRunning: () => isRunning,
    prompt: () => Promise.reject(new BreakglassError('turn-running', 'A turn is already running.')),
  };
  const look = letLook({
    journal,
    sessions,
    policies: approvals.policies,
    logger: pino({ level: 'silent' }),
  });
  return { approvals, session, look: () => look(session, 'Look at it.') };
}

test("an alert leaves a person's running turn its hands, and what it asked goes on waiting", async () => {
  const { approvals, session, look } = looking(true);
  const stop = new AbortController();
  const recorded = Promise.withResolvers<void>();
  const verdict = approvals.ask({
    session,
    toolCall: toolCallId('call'),
    asked: { verb: 'cycle', input: { host: 'pve', command: 'cycle' } },
    said: undefined,
    hasObserver: true,
    refusedIn: (mode) => mode === 'observe',
    record: async () => recorded.resolve(),
    signal: stop.signal,
  });
  await recorded.promise;
  await expect(look()).rejects.toMatchObject({ code: 'turn-running' });
  expect((await approvals.policies.of(session)).mode).toBe('ask');
  expect(approvals.waiting()).toHaveLength(1);
  stop.abort();
  expect((await verdict).type).toBe('stopped');
});

test('a look that could not begin leaves no session in the mode observe', async () => {
  const { approvals, session, look } = looking(false);
  await expect(look()).rejects.toMatchObject({ code: 'turn-running' });
  expect((await approvals.policies.of(session)).mode).toBe('ask');
});
