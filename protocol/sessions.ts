// What the list of sessions says about each.
import { z } from 'zod';
import { eventId, instant, sessionId, targetName, type Wire } from './wire.ts';

/** Of the name that a person gives a session, in characters: it stands on one row. */
export const TITLE_CHARACTERS = 120;

export const SessionSummary = z
  .object({
    session_id: sessionId,
    target: targetName,
    opened_at: instant,
    last_at: instant.describe(
      'of its last activity: a prompt, a question or its answer, an alert, the end of a turn; UTC, ISO 8601',
    ),
    opened_by: z.string(),
    title: z
      .string()
      .describe(
        'the name that a person gave it, or the alert that opened it, or its first prompt; the last two shortened to 200 characters',
      ),
    named: z.boolean().describe('whether `title` is the name that a person gave it'),
    people: z.array(z.string()).describe('who prompted in it, at most five names'),
    running: z.boolean().describe('whether a turn runs'),
    waiting: z.boolean().describe('whether a question of the agent waits for an answer'),
  })
  .meta({ id: 'SessionSummary' });
export type SessionSummary = Wire<typeof SessionSummary>;

export const SessionsPage = z
  .object({
    sessions: z.array(SessionSummary),
    next: eventId.exactOptional().describe('there are more: send it back as `before`'),
    cut: z
      .literal(true)
      .exactOptional()
      .describe('more matched than is looked at, so older matches are missing: search for more words'),
  })
  .meta({ id: 'SessionsPage' });
export type SessionsPage = Wire<typeof SessionsPage>;

export const SessionTitle = z
  .object({ title: z.string() })
  .meta({ id: 'SessionTitle', description: 'The name of a session.' });
export type SessionTitle = Wire<typeof SessionTitle>;
