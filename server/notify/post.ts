// One POST to another machine, within its time. It follows no redirect and keeps little of the answer.
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import type { LookupFunction } from 'node:net';
import { visibleLine } from '../../protocol/visible-text.ts';

export type Answer =
  /** `said`: the beginning of what came with it, harmless to show. */
  | { readonly type: 'answered'; readonly status: number; readonly said: string }
  | { readonly type: 'none'; readonly why: string };

export interface Posted {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  readonly signal: AbortSignal;
  /** How a name becomes an address, where not every address will do. */
  readonly lookup?: LookupFunction;
}

/** A test has to answer within ten seconds. */
const POST_LIMIT_MS = 8_000;
const SAID_BYTES = 300;

export function post(
  { url, headers, body, signal, lookup }: Posted,
  limitMs = POST_LIMIT_MS,
): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const limit = AbortSignal.timeout(limitMs);
  const give = url.startsWith('https:') ? secure : plain;
  const sent = give(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    signal: AbortSignal.any([signal, limit]),
    // A connection of its own: one that was kept may have died in the quiet hours before.
    agent: false,
    ...(lookup === undefined ? {} : { lookup }),
  });
  let answered: (() => void) | undefined;
  sent.on('error', (error) => {
    // What was answered counts, even if the rest of it did not come in time.
    if (answered !== undefined) answered();
    else if (limit.aborted) resolve({ type: 'none', why: `no answer within ${limitMs / 1_000} s` });
    else
      resolve({ type: 'none', why: signal.aborted ? 'the console is closing' : error.message || error.name });
  });
  sent.on('response', (response) => {
    const status = response.statusCode ?? 0;
    let said = Buffer.alloc(0);
    answered = (): void => {
      const text = visibleLine(said.toString('utf8').trim()).slice(0, SAID_BYTES);
      resolve({ type: 'answered', status, said: text.replace(/\.$/, '') });
      response.destroy();
    };
    // Nothing that comes with a yes is shown.
    if (status >= 200 && status < 300) return answered();
    response.on('data', (chunk: Buffer) => {
      said = Buffer.concat([said, chunk]).subarray(0, SAID_BYTES);
      if (said.length >= SAID_BYTES) answered?.();
    });
    for (const end of ['end', 'error', 'close']) response.on(end, answered);
  });
  sent.end(body);
  return promise;
}
