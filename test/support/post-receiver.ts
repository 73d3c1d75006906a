// A machine that is posted to: it keeps what came, and answers what the test says.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Came {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface PostReceiver {
  readonly url: string;
  readonly port: number;
  readonly came: readonly Came[];
  /** A status, or `hang`: no answer at all. By default 200. */
  answer: (came: Came) => number | 'hang';
  /** Answers what hangs, and the next ones, with 200. */
  release(): void;
  close(): void;
}

export async function startPostReceiver(port = 0): Promise<PostReceiver> {
  const came: Came[] = [];
  let hanging: (() => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) };
      came.push(one);
      const status = receiver.answer(one);
      if (status === 'hang') hanging.push(() => response.writeHead(200).end());
      else response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const at = (server.address() as AddressInfo).port;
  const receiver: PostReceiver = {
    url: `http://127.0.0.1:${at}`,
    port: at,
    came,
    answer: () => 200,
    release() {
      receiver.answer = () => 200;
      for (const go of hanging) go();
      hanging = [];
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return receiver;
}
