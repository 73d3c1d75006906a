// How the agent looks at what an alert is about. Nobody has read the alert by then, so for that turn the session's mode is `observe`. What
// a person asks for in it afterwards is asked back, also where it would be done at once elsewhere: the agent has read the alert by then.
import type { Logger } from 'pino';
import { SERVER } from '../../protocol/actors.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Journal } from '../journal/port.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { LookingAgent } from './looks.ts';

export const letLook =
  (parts: {
    readonly journal: Pick<Journal, 'follow'>;
    readonly sessions: Pick<Sessions, 'prompt' | 'isRunning'>;
    readonly policies: Pick<Approvals['policies'], 'of' | 'set'>;
    readonly logger: Logger;
  }): LookingAgent['letLook'] =>
  async (session, prompt) => {
    const { journal, sessions, policies, logger } = parts;
    // Its mode is the running turn's: tightened, it would take the hands from what a person asked for.
    if (sessions.isRunning(session.id))
      throw new BreakglassError('turn-running', 'A turn is already running in the session of the incident.');
    const { version } = await policies.set(session, { mode: 'observe' }, SERVER);
    const afterLook = async (): Promise<void> => {
      const now = await policies.of(session);
      if (now.version !== version || now.configured === 'observe') return;
      await policies.set(session, { mode: 'ask' }, SERVER);
    };
    const end = (): Promise<void> => {
      unfollow();
      return afterLook().catch((error: unknown) =>
        logger.error({ err: error }, 'the session of an incident stays in the mode observe'),
      );
    };
    const unfollow = journal.follow({ session: session.id, kinds: ['turn_end'] }, () => void end());
    await sessions.prompt(session, { text: prompt, by: SERVER }).catch(async (error: unknown) => {
      await end();
      throw error;
    });
  };
