// What the list of sessions says about each.
import { z } from 'zod';
import { instant, sessionId, targetName, type Wire } from './wire.ts';

export const SessionSummary = z
  .object({
    session_id: sessionId,
    target: targetName,
    opened_at: instant,
    last_at: instant,
    opened_by: z.string(),
    title: z
      .string()
      .exactOptional()
      .describe(
        'the alert that opened it or the first prompt, shortened to 200 characters; absent before one',
      ),
    running: z.boolean(),
  })
  .meta({ id: 'SessionSummary' });
export type SessionSummary = Wire<typeof SessionSummary>;
