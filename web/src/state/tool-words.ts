// The words on the card of a tool call: where and as whom it ran, what it was, how it ended. Pure.
import type { ToolItem } from './transcript.ts';
import { duration } from './words.ts';

export interface ToolFace {
  readonly badge: string;
  readonly account: string | null;
  /** The command as one would type it on that machine. */
  readonly command: string;
  readonly isCommand: boolean;
}

const asText = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const shortName = (name: string): string => name.replace(/^mcp__.+?__/, '');

export const toolFace = ({ name, input }: ToolItem): ToolFace => {
  const short = shortName(name);
  const account = asText(input['account']) ?? null;
  const command = asText(input.command);
  if (command !== undefined) {
    const host = asText(input['host']) ?? /^ssh (\S+)/.exec(command)?.[1] ?? short;
    const prefix = `ssh ${host} `;
    const typed = command.startsWith(prefix) ? command.slice(prefix.length) : command;
    return { badge: host, account, command: typed, isCommand: true };
  }
  const subject = asText(input['file_path']) ?? asText(input['path']) ?? '';
  const pattern = asText(input['pattern']) ?? '';
  const isReading = short !== 'triage' && READING.includes(short);
  return {
    badge: isReading ? 'runbooks' : short,
    account,
    command: [short, pattern, subject].filter((part) => part !== '').join(' '),
    isCommand: false,
  };
};

export type EndTone = 'running' | 'waiting' | 'good' | 'bad' | 'unknown';

export interface ToolEnd {
  readonly tone: EndTone;
  readonly text: string;
  readonly took: string;
  /** What may still go on, or is not known. */
  readonly doubt: string;
}

const MAY_GO_ON = 'It may still run in the VM.';

/** How the call ended, in words, with any doubt about it. */
export const toolEnd = (item: ToolItem): ToolEnd => {
  const { result } = item;
  if (!result) {
    return item.abandoned
      ? { tone: 'unknown', text: 'no result', took: '', doubt: 'The turn ended before a result came.' }
      : item.question?.answer === null
        ? { tone: 'waiting', text: 'waits for an answer', took: '', doubt: '' }
        : { tone: 'running', text: 'running', took: '', doubt: '' };
  }
  const took = duration(result.durationMs);
  const doubt = result.farSide === 'unproven' ? MAY_GO_ON : '';
  switch (result.ended) {
    case 'timed_out':
      return { tone: 'bad', text: 'timed out', took, doubt };
    case 'stopped':
      return { tone: 'bad', text: 'stopped', took, doubt };
    case 'unreachable':
      return { tone: 'bad', text: 'SSH did not answer', took, doubt: '' };
    case 'connection_lost':
      return {
        tone: 'unknown',
        text: 'connection lost',
        took,
        doubt: result.farSide === 'proven' ? '' : MAY_GO_ON,
      };
    case 'unknown':
      return {
        tone: 'unknown',
        text: 'not known',
        took,
        doubt: 'The server stopped meanwhile: look before anything else.',
      };
    case 'denied':
      return { tone: 'bad', text: 'not run', took: '', doubt: '' };
    case 'exited':
    case undefined: {
      if (result.exitCode !== null)
        return { tone: result.exitCode === 0 ? 'good' : 'bad', text: `exit ${result.exitCode}`, took, doubt };
      return { tone: result.isError ? 'bad' : 'good', text: result.isError ? 'failed' : 'done', took, doubt };
    }
  }
};

/**
 * The output without what its card says in other words. The server closes the output of a command that did not exit by a line that says how
 * it ended and whether it may go on; by now that may be proven.
 */
export const toolOutput = ({ live, result }: ToolItem): string => {
  if (!result) return live;
  if (result.ended === undefined || result.ended === 'exited') return result.output;
  return result.output
    .replace(/^Stopped\. Its end could not be confirmed in time: it may still run in the VM\.$/, '')
    .replace(/ ?(?:It may still run in the VM: that could not be proven\.|It is gone in the VM\.)(?=\]$)/, '')
    .replace(/(?:^|\n)\[(?:stopped|timed out) after [\d.]+ s\.?\]$/, '');
};

/** One word for a line of many. */
export const lookName = (item: ToolItem): string => {
  const { command, isCommand } = toolFace(item);
  const words = command.trim().split(/\s+/);
  if (!isCommand) return words.at(-1)?.split('/').at(-1) ?? item.name;
  const first = words.find((word) => !/^(?:sudo|env|command|time|nice|-\S*|\w+=\S*)$/.test(word));
  return first?.split('/').at(-1) ?? item.name;
};

const READING = ['Read', 'Grep', 'Glob', 'triage'];

/** It went well, could only look, and nobody was asked. */
export const isGoodLook = (item: ToolItem): boolean => {
  const { tone, doubt } = toolEnd(item);
  const { account } = toolFace(item);
  const onlyLooks = account === 'observer' || READING.includes(shortName(item.name));
  const isPlain = doubt === '' && item.question === null && item.result?.truncated === false;
  return onlyLooks && tone === 'good' && isPlain;
};
