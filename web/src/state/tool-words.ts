// The words on the card of a tool call: where and as whom it ran, what it was, how it ended. Pure.
import type { ToolItem } from './transcript.ts';
import { duration } from './words.ts';

export interface ToolFace {
  readonly badge: string;
  readonly account: string | null;
  /** The command as one would type it. */
  readonly command: string;
  readonly isCommand: boolean;
}

const asText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

export const toolFace = ({ name, input }: ToolItem): ToolFace => {
  const short = name.replace(/^mcp__.+?__/, '');
  const account = asText(input['account']) ?? null;
  const command = asText(input.command);
  if (command !== undefined) {
    const host = asText(input['host']) ?? /^ssh (\S+)/.exec(command)?.[1] ?? short;
    return { badge: host, account, command, isCommand: true };
  }
  const subject = asText(input['file_path']) ?? asText(input['path']) ?? '';
  const pattern = asText(input['pattern']) ?? '';
  const isReading = ['Read', 'Grep', 'Glob'].includes(short);
  return {
    badge: isReading ? 'runbooks' : short,
    account,
    command: [short, pattern, subject].filter((part) => part !== '').join(' '),
    isCommand: false,
  };
};

export type EndTone = 'running' | 'waiting' | 'good' | 'bad' | 'unknown';

/** How the call ended, in words, with any doubt about it. */
export const toolEnd = (item: ToolItem): { tone: EndTone; text: string; doubt: string } => {
  const { result } = item;
  if (!result) {
    return item.abandoned
      ? { tone: 'unknown', text: 'no result', doubt: 'The turn ended before a result came.' }
      : item.question?.answer === null
        ? { tone: 'waiting', text: 'waits for an answer', doubt: '' }
        : { tone: 'running', text: 'running', doubt: '' };
  }
  const took = duration(result.durationMs);
  const unproven =
    result.farSide === 'unproven' ? 'Could not prove that the command ended on the far side.' : '';
  switch (result.ended) {
    case 'timed_out':
      return { tone: 'bad', text: `timed out after ${took}`, doubt: unproven };
    case 'stopped':
      return { tone: 'bad', text: `stopped after ${took}`, doubt: unproven };
    case 'unreachable':
      return { tone: 'bad', text: `SSH did not answer, ${took}`, doubt: '' };
    case 'connection_lost':
      return {
        tone: 'unknown',
        text: `connection lost after ${took}`,
        doubt: unproven || 'The command may still run.',
      };
    case 'unknown':
      return {
        tone: 'unknown',
        text: 'not known',
        doubt: 'The server stopped meanwhile: look before anything else.',
      };
    case 'denied':
      return { tone: 'bad', text: 'not run', doubt: '' };
    case 'exited':
    case undefined: {
      if (result.exitCode !== null) {
        return {
          tone: result.exitCode === 0 ? 'good' : 'bad',
          text: `exit ${result.exitCode}, ${took}`,
          doubt: unproven,
        };
      }
      return {
        tone: result.isError ? 'bad' : 'good',
        text: `${result.isError ? 'failed' : 'done'}, ${took}`,
        doubt: unproven,
      };
    }
  }
};
