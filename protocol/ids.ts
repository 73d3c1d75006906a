// Branded ids. Only the parsers and generators in this file make values of these types.

type Brand<T, Name extends string> = T & { readonly __brand: Name };

export type SessionId = Brand<string, 'SessionId'>;
export type TurnId = Brand<string, 'TurnId'>;
export type OperationId = Brand<string, 'OperationId'>;
export type ToolCallId = Brand<string, 'ToolCallId'>;
export type TargetName = Brand<string, 'TargetName'>;
/** The power host makes it, and names a directory after it. */
export type EvidenceId = Brand<string, 'EvidenceId'>;
/** A position in the journal. All events share one rising sequence. */
export type EventId = Brand<number, 'EventId'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TARGET = /^[a-z][a-z0-9-]{0,31}$/;
// It becomes the name of a file, so it has no slash and no leading dot.
const EVIDENCE = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
const EVIDENCE_CHARACTERS = 100;

/** Any text with the form of a UUID (RFC 9562), in lower case. Undefined for any other text. */
export const parseSessionId = (text: string): SessionId | undefined =>
  UUID.test(text) ? (text.toLowerCase() as SessionId) : undefined;

export const parseOperationId = (text: string): OperationId | undefined =>
  UUID.test(text) ? (text.toLowerCase() as OperationId) : undefined;

export const parseTargetName = (text: string): TargetName | undefined =>
  TARGET.test(text) ? (text as TargetName) : undefined;

export const parseEvidenceId = (text: string): EvidenceId | undefined =>
  text.length <= EVIDENCE_CHARACTERS && EVIDENCE.test(text) ? (text as EvidenceId) : undefined;

/** For `Last-Event-ID` and the like: a non-negative safe integer in decimal, otherwise undefined. */
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
