// Why a journal cannot be opened, in words that help an operator in an incident.
import path from 'node:path';
import { BreakglassError } from '../../protocol/problems.ts';

/** Its message is for a person: which file it is, what is wrong with it, and what to do. */
export class JournalRefused extends Error {}

// https://sqlite.org/rescode.html, primary codes: the low byte.
const CODES: Readonly<Record<number, 'damaged' | 'unwritable' | 'busy'>> = {
  5: 'busy',
  6: 'busy',
  8: 'unwritable', // READONLY
  10: 'unwritable', // IOERR
  11: 'damaged', // CORRUPT
  13: 'unwritable', // FULL
  26: 'damaged', // NOTADB
};
const CONSTRAINT = 19;

const primaryCode = (error: unknown): number => Number((error as { errcode?: number }).errcode ?? 0) & 0xff;

export const constraintFailed = (error: unknown): boolean => primaryCode(error) === CONSTRAINT;

export const explainDamage = (file: string, words: string): string =>
  `${file} is damaged: ${words}. Move it aside and restart to get the agent back; the power buttons work.`;

export function explainRefusal(error: unknown, file: string): string {
  const words = error instanceof Error ? error.message : String(error);
  const kind = CODES[primaryCode(error)];
  if (kind === 'damaged') return explainDamage(file, words);
  if (kind === 'busy')
    return `${file} is in use by another program: ${words}. End that and restart to get the agent back; the power buttons work.`;
  const failure = kind === 'unwritable' ? 'cannot be written' : 'cannot be opened';
  return `${file} ${failure}: ${words}. Make ${path.dirname(file)} writable (space, owner, mount), or move the file aside, and restart to get the agent back; the power buttons work.`;
}

/** An append or another write that failed. */
export const unavailable = (cause: unknown): BreakglassError =>
  new BreakglassError(
    'journal-unavailable',
    `The journal cannot be written (${cause instanceof Error ? cause.message : String(cause)}). The agent is held back because its actions could not be recorded; the power buttons still work.`,
    { cause },
  );
