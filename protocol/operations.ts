// An operation: one run of a verb. It has an id and steps and outlives the request that started it.
import { z } from 'zod';
import { TriageReport } from './triage.ts';
import { evidenceId, instant, operationId, sessionId, targetName, verb, type Wire } from './wire.ts';

const ActorType = z.enum(['operator', 'agent', 'server']);
export type ActorType = Wire<typeof ActorType>;

export const Actor = z
  .object({
    type: ActorType,
    name: z.string(),
    via: z
      .enum(['proxy', 'token', 'share'])
      .exactOptional()
      .describe(
        'who vouches for the name of an operator: the trusted proxy, or this console; `share`: nobody, it is a guest of a share link. The same name by another way is somebody else',
      ),
  })
  .meta({ id: 'Actor', description: 'Who did it.' });
export type Actor = Wire<typeof Actor>;

export const OperationState = z
  .enum(['running', 'succeeded', 'failed', 'unknown'])
  .describe('`unknown`: the connection was lost or the limit passed; the host is being, or must be, asked');
export type OperationState = Wire<typeof OperationState>;

export const OperationStep = z
  .object({
    name: z.string(),
    at: z.string().describe('UTC, ISO 8601 with milliseconds'),
    ms: z.number().exactOptional().describe('how long it took, in milliseconds; absent while it runs'),
    ok: z.boolean().exactOptional().describe('absent while it runs or where the outcome is not known'),
  })
  .meta({ id: 'OperationStep' });
export type OperationStep = Wire<typeof OperationStep>;

/** The fixed shape of `POST /api/pve/{verb}`. */
export const VerbResult = z
  .object({
    verb: z.string(),
    exit_code: z.number().nullable().describe('null on a timeout or a rejection'),
    stdout: z.string(),
    stderr: z.string(),
    rejected: z.boolean(),
  })
  .meta({ id: 'VerbResult', description: 'What the power host answered to a verb.' });
export type VerbResult = Wire<typeof VerbResult>;

export const Outcome = z
  .object({
    summary: z.string().describe('one sentence for a person'),
    refused: z
      .enum(['busy', 'other-vm'])
      .exactOptional()
      .describe('it was not begun: the host carries out another verb, or the power path is for another VM'),
    vm_state: z
      .string()
      .exactOptional()
      .describe('`running`, `stopped`, …; absent where the host could not be asked'),
    new_process: z.boolean().exactOptional().describe('a different QEMU process than before the verb'),
    ssh_answers: z.boolean().exactOptional(),
    ssh_after_s: z.number().exactOptional().describe('seconds from the end of the verb until SSH answered'),
    warnings: z
      .array(z.string())
      .exactOptional()
      .describe("what else to know, e.g. that the host's script has another version"),
  })
  .meta({
    id: 'Outcome',
    description: 'What is true of the VM after a mutating verb, as far as it was checked.',
  });
export type Outcome = Wire<typeof Outcome>;

export const Operation = z
  .object({
    id: operationId,
    target: targetName,
    verb,
    by: Actor,
    session_id: sessionId.exactOptional().describe('of the agent that pressed it'),
    started_at: instant,
    finished_at: instant.exactOptional().describe('only this is the end: `unknown` may still be checked'),
    state: OperationState,
    steps: z.array(OperationStep),
    limit: z
      .object({ seconds: z.number(), at: instant })
      .exactOptional()
      .describe(
        'the power host announced at that time that the verb may take so many seconds more; it is not late before that',
      ),
    result: VerbResult.exactOptional(),
    outcome: Outcome.exactOptional(),
    finding: TriageReport.exactOptional().describe(
      'what triage said right before a mutating verb, from the latest signals',
    ),
    evidence_id: evidenceId
      .exactOptional()
      .describe('the bundle that the host captured for it; kept here as soon as it was fetched'),
  })
  .meta({ id: 'Operation', description: 'One run of a verb. It outlives the request that started it.' });
export type Operation = Wire<typeof Operation>;

/** One frame of the stream of an operation: first its state and its output so far, then both as they come. */
export const OperationFrame = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('operation'), operation: Operation }),
    z.object({ kind: z.literal('output'), stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  ])
  .meta({ id: 'OperationFrame' });
export type OperationFrame = Wire<typeof OperationFrame>;
