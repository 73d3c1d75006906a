// The check of the container's health, against real servers on both schemes.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { selfSigned } from '../support/self-signed.ts';
import { tempDir } from '../support/temp-dir.ts';

const HEALTHY = path.resolve(import.meta.dirname, '../../deploy/container/healthy');
const exec = promisify(execFile);

async function healthOf(server: Server, env: Readonly<Record<string, string>> = {}): Promise<boolean> {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return exec(HEALTHY, [], {
    env: { PATH: process.env['PATH'], BREAKGLASS_PORT: String(port), ...env },
  }).then(
    () => true,
    () => false,
  );
}

const answering =
  (code: number): RequestListener =>
  ({ url }, response) =>
    void response.writeHead(url === '/health' ? code : 404).end('{}');

test('a console that answers is healthy, one that answers with a fault is not', async () => {
  expect(await healthOf(http.createServer(answering(200)))).toBe(true);
  expect(await healthOf(http.createServer(answering(503)))).toBe(false);
});

test('a console with a certificate of its own is asked over TLS', async () => {
  const { cert, key } = selfSigned(tempDir());
  const secure = (code: number) =>
    https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, answering(code));
  const env = { BREAKGLASS_TLS_CERT: cert };
  expect(await healthOf(secure(200), env)).toBe(true);
  expect(await healthOf(secure(503), env)).toBe(false);
});
