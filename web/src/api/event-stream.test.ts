import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventSourceMessage } from 'eventsource-parser';
import { expect, it, onTestFinished } from 'vitest';
import { readEventStream } from './event-stream.ts';
import { ApiError } from './http.ts';

const STREAM =
  '\uFEFF: warm\n\nid: 1\r\ndata: {"kind":"user","text":"é: 😀"}\r\n\r\nevent: lost\nid: 2\n\ndata: a\ndata:b\n\nid: 3\nevent: caught-up\ndata: {}\n\n: warm\n\ndata: never ended\n';

/** A server that hands out the stream in these pieces, each only when the one before has arrived as text. */
const serve = async (pieces: readonly Uint8Array[], status = 200) => {
  let arrived = Promise.withResolvers<void>();
  const give = async (response: ServerResponse): Promise<void> => {
    response.writeHead(status, { 'content-type': 'text/event-stream' });
    const decoder = new TextDecoder();
    for (const piece of pieces) {
      arrived = Promise.withResolvers<void>();
      response.write(piece);
      // Part of a character is no text yet.
      if (decoder.decode(piece, { stream: true }) !== '') await arrived.promise;
    }
    response.end();
  };
  const server = createServer((_request, response) => void give(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    onByte: () => arrived.resolve(),
  };
};

const read = async (pieces: readonly Uint8Array[]): Promise<EventSourceMessage[]> => {
  const { url, onByte } = await serve(pieces);
  const frames: EventSourceMessage[] = [];
  await readEventStream(url, {
    signal: new AbortController().signal,
    onByte,
    onFrame: (frame) => frames.push(frame),
  });
  return frames;
};

const bytes = new TextEncoder().encode(STREAM);

it('gives each frame once its blank line came; comments, and frames without data, are none', async () => {
  expect(await read([bytes])).toEqual([
    { id: '1', event: undefined, data: '{"kind":"user","text":"é: 😀"}' },
    { id: undefined, event: undefined, data: 'a\nb' },
    { id: '3', event: 'caught-up', data: '{}' },
  ]);
});

it('gives the same frames when every byte comes alone, in the middle of a character and of a line end', async () => {
  expect(await read(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(await read([bytes]));
});

it('tells a refusal from a server that is not there', async () => {
  const refused = await serve([], 404);
  const options = { signal: new AbortController().signal, onFrame: () => undefined };
  await expect(readEventStream(refused.url, options)).rejects.toMatchObject({ status: 404 });
  await expect(readEventStream('http://127.0.0.1:9/', options)).rejects.toEqual(
    new ApiError(0, 'The console does not answer.'),
  );
});
