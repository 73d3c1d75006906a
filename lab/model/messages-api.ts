// The part of the Messages API that Claude Code speaks, as plain values: a request read, an answer written as server-sent
// events. Pure. Authority: https://docs.anthropic.com/en/api/messages and /en/api/messages-streaming

interface TextBlock {
  readonly type: 'text';
  readonly text: string;
}
export interface ToolUseBlock {
  readonly type: 'tool_use';
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}
interface ToolResultBlock {
  readonly type: 'tool_result';
  readonly tool_use_id: string;
  readonly is_error: boolean;
  readonly text: string;
}
type ContentBlock = TextBlock | ToolUseBlock | ToolResultBlock;

export interface ModelMessage {
  readonly role: 'user' | 'assistant';
  readonly content: readonly ContentBlock[];
}

export interface ModelRequest {
  readonly model: string;
  /** The system prompt, and what Claude Code adds to it in messages of role `system`. */
  readonly system: string;
  readonly messages: readonly ModelMessage[];
  readonly toolNames: readonly string[];
  readonly stream: boolean;
  /** The body as it came, for what is not modelled here. */
  readonly raw: string;
}

/** What an answer is made of. */
export type AnswerBlock = TextBlock | (Omit<ToolUseBlock, 'id'> & { readonly id?: string });

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const string = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Text of a string or of a list of blocks; what is not text is left out. */
const textOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : list(value)
        .filter(isJson)
        .map((block) => string(block['text']))
        .join('\n');

function readBlock(value: unknown): ContentBlock | undefined {
  if (!isJson(value)) return undefined;
  switch (value['type']) {
    case 'text':
      return { type: 'text', text: string(value['text']) };
    case 'tool_use':
      return {
        type: 'tool_use',
        id: string(value['id']),
        name: string(value['name']),
        input: value['input'],
      };
    case 'tool_result':
      return {
        type: 'tool_result',
        tool_use_id: string(value['tool_use_id']),
        is_error: value['is_error'] === true,
        text: textOf(value['content']),
      };
    default:
      return undefined;
  }
}

/** Undefined when the body is not a Messages request. */
export function readRequest(raw: string): ModelRequest | undefined {
  let body: unknown;
  try {
    body = JSON.parse(raw);
  } catch {
    return undefined;
  }
  if (!isJson(body) || !Array.isArray(body['messages'])) return undefined;
  const messages: ModelMessage[] = [];
  const system = [textOf(body['system'])];
  for (const message of list(body['messages']).filter(isJson)) {
    const { role, content } = message;
    if (role === 'system') system.push(textOf(content));
    if (role !== 'user' && role !== 'assistant') continue;
    const blocks: readonly ContentBlock[] =
      typeof content === 'string'
        ? [{ type: 'text', text: content }]
        : list(content).flatMap((block) => readBlock(block) ?? []);
    messages.push({ role, content: blocks });
  }
  return {
    model: string(body['model']),
    system: system.join('\n'),
    messages,
    toolNames: list(body['tools'])
      .filter(isJson)
      .map((tool) => string(tool['name'])),
    stream: body['stream'] === true,
    raw,
  };
}

export const sse = (type: string, data: Json = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

export interface AnswerShape {
  readonly model: string;
  readonly blocks: readonly AnswerBlock[];
  readonly usage?: { readonly input_tokens: number; readonly output_tokens: number };
}

const stopReason = (blocks: readonly AnswerBlock[]): string =>
  blocks.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn';

const withId = (block: AnswerBlock): Json =>
  block.type === 'text' ? { ...block } : { ...block, id: block.id ?? `toolu_${crypto.randomUUID()}` };

/** The answer to a request without `stream`. */
export function wholeAnswer({ model, blocks, usage }: AnswerShape): string {
  return JSON.stringify({
    id: `msg_${crypto.randomUUID()}`,
    type: 'message',
    role: 'assistant',
    model,
    content: blocks.map(withId),
    stop_reason: stopReason(blocks),
    stop_sequence: null,
    usage: usage ?? { input_tokens: 10, output_tokens: 10 },
  });
}

/** The first event of a streamed answer. */
export const messageStart = (model: string, inputTokens = 10): string =>
  sse('message_start', {
    message: {
      id: `msg_${crypto.randomUUID()}`,
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: inputTokens, output_tokens: 1 },
    },
  });

/** A streamed answer as frames in order: text in pieces of `pieceChars`, whole where it is 0. */
export function* streamedAnswer(answer: AnswerShape, pieceChars = 0): Generator<string> {
  yield messageStart(answer.model, answer.usage?.input_tokens);
  for (const [index, block] of answer.blocks.entries()) {
    if (block.type === 'text') {
      yield sse('content_block_start', { index, content_block: { type: 'text', text: '' } });
      for (const text of pieces(block.text, pieceChars))
        yield sse('content_block_delta', { index, delta: { type: 'text_delta', text } });
    } else {
      yield sse('content_block_start', { index, content_block: { ...withId(block), input: {} } });
      const partial_json = JSON.stringify(block.input);
      yield sse('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } });
    }
    yield sse('content_block_stop', { index });
  }
  yield sse('message_delta', {
    delta: { stop_reason: stopReason(answer.blocks), stop_sequence: null },
    usage: { output_tokens: answer.usage?.output_tokens ?? 10 },
  });
  yield sse('message_stop');
}

function* pieces(text: string, size: number): Generator<string> {
  if (size <= 0) return yield text;
  const characters = Array.from(text);
  for (let at = 0; at < characters.length; at += size) yield characters.slice(at, at + size).join('');
}
