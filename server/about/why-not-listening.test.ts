import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { whyNotListening } from './why-not-listening.ts';

/** The error of a real listener. */
const refused = (bind: string, port: number): Promise<Error> =>
  new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', resolve)
      .listen(port, bind, () => server.close(() => reject(new Error('it listens'))));
  });

test('a port that is taken names the variable and another port', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(whyNotListening(await refused('127.0.0.1', port), { bind: '127.0.0.1', port })).toMatch(
    /^cannot listen on 127\.0\.0\.1:\d+: another program has this port.*BREAKGLASS_PORT/,
  );
  await new Promise((resolve) => other.close(resolve));
});

test('an address that this machine does not have names the variable', async () => {
  // TEST-NET-1 of RFC 5737 is nobody's.
  expect(whyNotListening(await refused('192.0.2.1', 8080), { bind: '192.0.2.1', port: 8080 })).toMatch(
    /this machine has no address 192\.0\.2\.1\. Set BREAKGLASS_BIND/,
  );
});

test('a port of root names the variable and what would do; anything else keeps its own words', () => {
  const denied = Object.assign(new Error('listen EACCES'), { code: 'EACCES' });
  expect(whyNotListening(denied, { bind: '::', port: 443 })).toMatch(/below 1024\. Set BREAKGLASS_PORT/);
  expect(whyNotListening(denied, { bind: '::', port: 8080 })).toMatch(/: listen EACCES$/);
  expect(whyNotListening('odd', { bind: '::', port: 8080 })).toBe('cannot listen on :::8080: odd');
});
