import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { onceEach } from './once-each.ts';
import { lookAtRoute, ownAddressFor } from './reach.ts';

test('ten targets on one host are one connection to it, and another port is another place', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const place = { host: '127.0.0.1', port };
  const { signal } = new AbortController();
  const once = onceEach();
  const look = (at: typeof place) => once('route', at, () => lookAtRoute(at, 'The host', 'Look.', signal));
  const seen = await Promise.all(Array.from({ length: 10 }, () => look(place)));
  expect(new Set(seen.map(({ state }) => state))).toEqual(new Set(['works']));
  await expect.poll(() => connections).toBe(1);
  // Nothing listens on port 1.
  expect((await look({ ...place, port: 1 })).state).toBe('broken');
  expect(await ownAddressFor(place)).toBe('127.0.0.1');
  expect(connections).toBe(1);
});
