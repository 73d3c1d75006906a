// How the type of a shape follows from its schema, so that the compiler, OpenAPI and docs/wire.md read the same statement.
import { z } from 'zod';
import type { EventId, EvidenceId, OperationId, SessionId, TargetName, ToolCallId, TurnId } from './ids.ts';
import { MUTATING_VERBS, VERBS } from './verbs.ts';

/** The type that a schema describes, read-only. */
export type Wire<Schema extends z.ZodType> = Frozen<z.output<Schema>>;

type Frozen<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Frozen<Item>[]
      : { readonly [Key in keyof T]: Frozen<T[Key]> };

// Only a parser of ids.ts makes an id. These schemas say what the ids look like on the wire.
const branded = <Id>(schema: z.ZodType): z.ZodType<Id> => schema as unknown as z.ZodType<Id>;

export const sessionId = branded<SessionId>(z.guid());
export const turnId = branded<TurnId>(z.guid());
export const operationId = branded<OperationId>(z.guid());
export const toolCallId = branded<ToolCallId>(z.string());
export const targetName = branded<TargetName>(z.string());
export const evidenceId = branded<EvidenceId>(z.string());
export const eventId = branded<EventId>(z.int().nonnegative());

export const verb = z.enum(VERBS).meta({ id: 'Verb' });
export const mutatingVerb = z
  .enum(MUTATING_VERBS)
  .meta({ id: 'MutatingVerb', description: 'Those that change the VM.' });

/** UTC, ISO 8601. */
export const instant = z.string().describe('UTC, ISO 8601');
