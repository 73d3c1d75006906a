// Branded ids. A value of one of these types was minted by its parser or generator here, nowhere else.

type Brand<T, Name extends string> = T & { readonly __brand: Name };

export type SessionId = Brand<string, 'SessionId'>;
export type TurnId = Brand<string, 'TurnId'>;
export type OperationId = Brand<string, 'OperationId'>;
export type ToolCallId = Brand<string, 'ToolCallId'>;
export type TargetName = Brand<string, 'TargetName'>;
/** Made by the power host, which names a directory by it. */
export type EvidenceId = Brand<string, 'EvidenceId'>;
/** Position in the journal: one rising sequence for all events. */
export type EventId = Brand<number, 'EventId'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TARGET = /^[a-z][a-z0-9-]{0,31}$/;
// Names a file here: no slash, no leading dot.
const EVIDENCE = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
const EVIDENCE_CHARACTERS = 100;

/** Any RFC 9562 shaped UUID, kept in lower case. Undefined when it is none. */
export const parseSessionId = (text: string): SessionId | undefined =>
  UUID.test(text) ? (text.toLowerCase() as SessionId) : undefined;

export const parseOperationId = (text: string): OperationId | undefined =>
  UUID.test(text) ? (text.toLowerCase() as OperationId) : undefined;

export const parseTargetName = (text: string): TargetName | undefined =>
  TARGET.test(text) ? (text as TargetName) : undefined;

export const parseEvidenceId = (text: string): EvidenceId | undefined =>
  text.length <= EVIDENCE_CHARACTERS && EVIDENCE.test(text) ? (text as EvidenceId) : undefined;

/** `Last-Event-ID` and the like: a non-negative safe integer in decimal, else undefined. */
export const parseEventId = (text: string): EventId | undefined => {
  if (!/^\d{1,15}$/.test(text)) return undefined;
  return Number(text) as EventId;
};

export const eventId = (value: number): EventId => value as EventId;
export const toolCallId = (value: string): ToolCallId => value as ToolCallId;

export const newSessionId = (): SessionId => crypto.randomUUID() as SessionId;
export const newTurnId = (): TurnId => crypto.randomUUID() as TurnId;
export const newOperationId = (): OperationId => crypto.randomUUID() as OperationId;
export const newToolCallId = (): ToolCallId => crypto.randomUUID() as ToolCallId;
