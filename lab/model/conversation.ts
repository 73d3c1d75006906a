// What the rehearsal model knows: the conversation as turns of prompt and calls, each call with what it printed. Pure.
import type { ModelRequest } from './messages-api.ts';

export interface Call {
  /** `ssh` or `triage`; any other tool by its own name. */
  readonly tool: string;
  readonly host: string;
  readonly command: string;
  /** Undefined while there is none. */
  readonly result: CallResult | undefined;
}

export interface CallResult {
  readonly text: string;
  readonly isError: boolean;
}

interface Turn {
  readonly prompt: string;
  readonly calls: readonly Call[];
}

export interface Conversation {
  readonly turns: readonly Turn[];
  /** Nothing was said to the operator yet. */
  readonly isOpening: boolean;
}

/** Text that Claude Code adds to the operator's messages. */
const ADDED = /^\s*(<system-reminder>|\[Request interrupted|# Environment\n)/;

const field = (input: unknown, name: string): string => {
  const value: unknown = typeof input === 'object' && input !== null ? Reflect.get(input, name) : undefined;
  return typeof value === 'string' ? value : '';
};

const plainName = (name: string): string => name.split('__').at(-1) ?? name;

export function readConversation({ messages }: Pick<ModelRequest, 'messages'>): Conversation {
  const results = new Map<string, CallResult>();
  for (const { content } of messages) {
    for (const block of content) {
      if (block.type === 'tool_result')
        results.set(block.tool_use_id, { text: block.text, isError: block.is_error });
    }
  }
  const turns: { prompt: string; calls: Call[] }[] = [];
  let isOpening = true;
  for (const { role, content } of messages) {
    for (const block of content) {
      if (block.type === 'text' && role === 'assistant') isOpening = false;
      if (block.type === 'text' && role === 'user' && !ADDED.test(block.text))
        turns.push({ prompt: block.text, calls: [] });
      if (block.type !== 'tool_use') continue;
      const { input } = block;
      const call = {
        tool: plainName(block.name),
        host: field(input, 'host'),
        command: field(input, 'command'),
      };
      turns.at(-1)?.calls.push({ ...call, result: results.get(block.id) });
    }
  }
  return { turns, isOpening };
}

/** SSH never reached a shell, or got no answer in time. */
export const isUnreachable = ({ text, isError }: CallResult): boolean =>
  isError &&
  /unreachable|timed out|connection was lost|no route|refused/i.test(text.split('\n').slice(-3).join('\n'));

export const isDenied = ({ text, isError }: CallResult): boolean =>
  isError && /^(Denied|Refused|No answer)/.test(text);
