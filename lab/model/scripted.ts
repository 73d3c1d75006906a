// A Messages endpoint on loopback that answers as its handler says, well or badly. Tests, benchmarks and the rehearsal model
// put it where the model API would be, so that the real Claude Code CLI is driven without a network.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AnswerBlock,
  type ModelRequest,
  messageStart,
  readRequest,
  sse,
  streamedAnswer,
  wholeAnswer,
} from './messages-api.ts';

/** What the endpoint does with a request. Only `answer` is well-behaved. */
export type Reply =
  | {
      readonly type: 'answer';
      readonly blocks: readonly AnswerBlock[];
      readonly model?: string;
      readonly usage?: { readonly input_tokens: number; readonly output_tokens: number };
      /** Text in pieces, with a pause after each: one sees it being written. Default: whole and at once. */
      readonly pace?: { readonly chars: number; readonly ms: number };
    }
  /** An HTTP error. */
  | {
      readonly type: 'status';
      readonly status: number;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Never answers: before the headers, after them, or after some text. */
  | { readonly type: 'hang'; readonly at: 'headers' | 'body' | 'text'; readonly text?: string }
  /** Text, then the connection is cut in the middle of an event: soon, or once `when` has come (the text was seen). */
  | { readonly type: 'cut'; readonly text: string; readonly when?: Promise<unknown> }
  /** Status 200 and something that is no event stream. */
  | { readonly type: 'garbage'; readonly body?: string }
  /** Well-formed, one character at a time, with a pause after each. */
  | { readonly type: 'drip'; readonly text: string; readonly everyMs: number }
  /** The connection is closed without a byte. */
  | { readonly type: 'hang-up' };

export type Handler = (request: ModelRequest) => Reply | Promise<Reply>;

export type { AnswerBlock, ModelRequest } from './messages-api.ts';

export interface ScriptedModel {
  readonly url: string;
  /** Every Messages request that came, oldest first. */
  readonly requests: readonly ModelRequest[];
  close(): Promise<void>;
}

export const text = (value: string): AnswerBlock => ({ type: 'text', text: value });
export const toolUse = (name: string, input: unknown, id?: string): AnswerBlock =>
  id === undefined ? { type: 'tool_use', name, input } : { type: 'tool_use', name, input, id };
export const answer = (...blocks: readonly AnswerBlock[]): Reply => ({ type: 'answer', blocks });

const JSON_TYPE = { 'content-type': 'application/json' };
const EVENT_STREAM = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' };

/** Listens on 127.0.0.1; port 0 (the default) takes a free one. */
export async function startScriptedModel(
  handler: Handler,
  options: { readonly port?: number } = {},
): Promise<ScriptedModel> {
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    response.on('error', () => undefined); // the client went away in the middle of an answer
    serve(request, response, handler, requests).catch((cause: unknown) => {
      if (!response.headersSent) response.writeHead(500, JSON_TYPE);
      response.end(errorBody('api_error', String(cause)));
    });
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const errorBody = (type: string, message: string): string =>
  JSON.stringify({ type: 'error', error: { type, message } });

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
  requests: ModelRequest[],
): Promise<void> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  let raw = '';
  request.setEncoding('utf8');
  for await (const chunk of request) raw += String(chunk);
  if (request.method !== 'POST') {
    response.writeHead(200, JSON_TYPE).end('{}');
    return;
  }
  if (path.endsWith('/count_tokens')) {
    response.writeHead(200, JSON_TYPE).end(JSON.stringify({ input_tokens: Math.ceil(raw.length / 4) }));
    return;
  }
  const parsed = path.endsWith('/messages') ? readRequest(raw) : undefined;
  if (parsed === undefined) {
    response.writeHead(404, JSON_TYPE).end(errorBody('not_found_error', `No such route: ${path}`));
    return;
  }
  requests.push(parsed);
  await send(await handler(parsed), parsed, response);
}

async function send(reply: Reply, request: ModelRequest, response: ServerResponse): Promise<void> {
  switch (reply.type) {
    case 'answer':
      return sendAnswer(reply, request, response);
    case 'status':
      response.writeHead(reply.status, { ...JSON_TYPE, ...reply.headers });
      response.end(errorBody('api_error', reply.message ?? `scripted status ${reply.status}`));
      return;
    case 'hang':
      if (reply.at === 'headers') return;
      response.writeHead(200, EVENT_STREAM);
      response.flushHeaders();
      if (reply.at === 'text') response.write(opening(request.model, reply.text ?? 'Half a sen'));
      return;
    case 'cut':
      response.writeHead(200, EVENT_STREAM);
      response.write(`${opening(request.model, reply.text)}event: content_block_del`, () => {
        void (reply.when ?? sleep(20)).then(() => response.destroy());
      });
      return;
    case 'garbage':
      response.writeHead(200, EVENT_STREAM).end(reply.body ?? '<html>captive portal</html>\n\n');
      return;
    case 'drip':
      return drip(reply, request, response);
    case 'hang-up':
      response.destroy();
      return;
  }
}

async function sendAnswer(
  reply: Extract<Reply, { type: 'answer' }>,
  request: ModelRequest,
  response: ServerResponse,
): Promise<void> {
  const shape = { ...reply, model: reply.model ?? request.model };
  if (!request.stream) {
    response.writeHead(200, JSON_TYPE).end(wholeAnswer(shape));
    return;
  }
  response.writeHead(200, EVENT_STREAM);
  for (const frame of streamedAnswer(shape, reply.pace?.chars)) {
    if (response.destroyed) return;
    response.write(frame);
    if (reply.pace !== undefined && frame.includes('text_delta')) await sleep(reply.pace.ms);
  }
  response.end();
}

const delta = (value: string): string =>
  sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text: value } });

const opening = (model: string, value: string): string =>
  messageStart(model) +
  sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
  delta(value);

async function drip(
  reply: Extract<Reply, { type: 'drip' }>,
  request: ModelRequest,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, EVENT_STREAM);
  response.write(opening(request.model, ''));
  for (const character of reply.text) {
    await sleep(reply.everyMs);
    if (response.destroyed) return;
    response.write(delta(character));
  }
  response.write(sse('content_block_stop', { index: 0 }) + sse('message_delta', { delta: {}, usage: {} }));
  response.end(sse('message_stop'));
}
