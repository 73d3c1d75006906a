// What happened to a target lately, and who is there: what a device that has just come cannot know by itself.
import { z } from 'zod';
import { Actor, OperationState } from './operations.ts';
import { evidenceId, instant, operationId, verb, type Wire } from './wire.ts';

const RecentOperation = z
  .object({
    id: operationId,
    verb,
    by: Actor,
    state: OperationState,
    started_at: instant,
    finished_at: instant.exactOptional().describe('absent: it is not over'),
    summary: z.string().exactOptional().describe('of its outcome, one sentence'),
  })
  .meta({ id: 'RecentOperation' });
export type RecentOperation = Wire<typeof RecentOperation>;

export const Recent = z
  .object({
    operations: z
      .array(RecentOperation)
      .describe('the last five, newest first; those that only asked for the status are left out'),
    evidence: z.object({ id: evidenceId, at: instant }).exactOptional().describe('what was kept last'),
  })
  .meta({ id: 'Recent', description: 'From the journal, whoever did it.' });
export type Recent = Wire<typeof Recent>;

export const Present = z
  .object({
    name: z.string().describe('as the record names them'),
    since: instant,
  })
  .meta({
    id: 'Present',
    description: 'Somebody who looks at this target, or is attached to a session of it.',
  });
export type Present = Wire<typeof Present>;
