import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { deliveryOf } from './channel.ts';
import { post } from './post.ts';

async function receiver(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
const { signal } = new AbortController();
const send = (url: string, limitMs = 60_000) => post({ url, headers: {}, body: 'hello', signal }, limitMs);

test('a receiver that never answers is given up, and may be tried again', async () => {
  const answer = await send(await receiver(() => undefined), 50);
  expect(answer).toMatchObject({ type: 'none', why: 'no answer within 0.05 s' });
  expect(deliveryOf(answer, 'ntfy').type).toBe('later');
});

test('a status counts even if what comes with it never ends, and little of it is kept', async () => {
  const endless = await receiver((_request, response) => {
    response.writeHead(403);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(10_000)));
    };
    response.on('drain', more);
    more();
  });
  const answer = await send(endless);
  expect(answer).toMatchObject({ type: 'answered', status: 403 });
  expect(answer.type === 'answered' && answer.said.length).toBeLessThanOrEqual(300);
  const slow = await receiver((_request, response) => {
    response.writeHead(403);
    response.write('no\u001b[2J');
  });
  const yes = await receiver((_request, response) => {
    response.writeHead(201);
    response.write('and');
  });
  expect(await send(yes)).toMatchObject({ type: 'answered', status: 201 });
  // The words never end, so the limit does.
  expect(await send(slow, 200)).toMatchObject({ type: 'answered', status: 403 });
});

test('what a receiver says with its refusal is shown without what could command a terminal', async () => {
  const url = await receiver((_request, response) => {
    response.writeHead(403).end('BadJwtToken\u001b[2J\u202e.');
  });
  const { detail } = deliveryOf(await send(url), 'its push service');
  expect(detail).toMatch(/^its push service answered 403: BadJwtToken/);
  expect(detail).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test('a redirect is not followed', async () => {
  const came: string[] = [];
  const url = await receiver((request, response) => {
    came.push(request.url ?? '');
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  expect(deliveryOf(await send(url), 'The webhook')).toMatchObject({ type: 'failed' });
  expect(came).toEqual(['/']);
});

test('when the console closes, what is on its way ends at once', async () => {
  const closing = new AbortController();
  const url = await receiver(() => closing.abort());
  expect(await post({ url, headers: {}, body: '', signal: closing.signal })).toMatchObject({
    type: 'none',
    why: 'the console is closing',
  });
});

test('nobody listens: the reason is told', async () => {
  expect(await send('http://127.0.0.1:1/')).toMatchObject({
    type: 'none',
    why: expect.stringMatching(/ECONNREFUSED/),
  });
});
