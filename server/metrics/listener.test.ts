import { connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { silent } from '../../test/support/ssh-parts.ts';
import { until } from '../../test/support/wait-for.ts';
import { type ListenerBounds, listen, type MetricsListener } from './listener.ts';

function listening(
  bounds: Partial<ListenerBounds> = {},
  { port = 0, render = async () => 'breakglass_x 1\n' } = {},
): MetricsListener {
  const contentType = 'text/plain; version=0.0.4; charset=utf-8';
  const config = { bind: '127.0.0.1', port };
  const listener = listen({ config, render, contentType, logger: silent, bounds });
  onTestFinished(() => listener.close());
  return listener;
}

const addressOf = (listener: MetricsListener): Promise<string> =>
  until('the address of the listener', () => listener.address());

async function raw(address: string): Promise<{ socket: Socket; ended: Promise<void> }> {
  const [host, port] = address.split(':');
  const socket = connect({ host: host ?? '', port: Number(port) });
  onTestFinished(() => {
    socket.destroy();
  });
  socket.on('error', () => undefined);
  socket.resume();
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return { socket, ended };
}

test('GET and HEAD of /metrics, and nothing else, whoever asks', async () => {
  const base = `http://${await addressOf(listening())}`;
  const scraped = await fetch(`${base}/metrics`);
  expect([scraped.status, scraped.headers.get('content-type'), await scraped.text()]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
    'breakglass_x 1\n',
  ]);
  expect((await fetch(`${base}/metrics?name=x`)).status).toBe(200);
  const head = await fetch(`${base}/metrics`, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '15', '']);
  for (const path of [
    '/',
    '/metrics/',
    '/metricsx',
    '/api/me',
    '/health',
    '/emergency',
    '/metrics/../api/me',
  ])
    expect([path, (await fetch(base + path)).status]).toEqual([path, 404]);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    expect([method, (await fetch(`${base}/metrics`, { method })).status]).toEqual([method, 404]);
});

test('a port that is taken is told in a sentence that names the variable, and is had as soon as it is free', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const taken = other.address();
  if (taken === null || typeof taken === 'string') throw new Error('no port');
  const listener = listening({ againMs: 20 }, { port: taken.port });
  const trouble = await until('the trouble', () => listener.trouble());
  expect(trouble).toBe(
    `Prometheus cannot scrape this console: BREAKGLASS_METRICS_PORT ${taken.port} at BREAKGLASS_METRICS_BIND 127.0.0.1 is taken by another program. It is tried again; everything else works.`,
  );
  await new Promise((resolve) => other.close(resolve));
  const address = await addressOf(listener);
  expect(listener.trouble()).toBeUndefined();
  expect((await fetch(`http://${address}/metrics`)).status).toBe(200);
});

test('a port that is never had does not keep it from closing', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    other.close();
  });
  const taken = other.address();
  if (taken === null || typeof taken === 'string') throw new Error('no port');
  const listener = listening({}, { port: taken.port });
  await until('the trouble', () => listener.trouble());
  await listener.close();
});

test('connections that say nothing, or half a request, are closed; then there is room again', async () => {
  const listener = listening({ connectionMs: 300, connections: 3 });
  const address = await addressOf(listener);
  const silentOnes = await Promise.all([raw(address), raw(address), raw(address)]);
  silentOnes[0]?.socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\nx-slow: ');
  await Promise.all(silentOnes.map(({ ended }) => ended));
  await until('an answer', () =>
    fetch(`http://${address}/metrics`).then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
});

test('a scrape that is never answered is cut off', async () => {
  const render = (): Promise<string> => new Promise(() => undefined);
  const base = `http://${await addressOf(listening({ connectionMs: 1_000 }, { render }))}`;
  await expect(fetch(`${base}/metrics`)).rejects.toThrow();
});

test('a rendering that failed is an error of that scrape only', async () => {
  let renders = 0;
  const render = (): Promise<string> => {
    renders += 1;
    return renders === 1 ? Promise.reject(new Error('broken')) : Promise.resolve('breakglass_x 1\n');
  };
  const base = `http://${await addressOf(listening({ freshMs: 0 }, { render }))}`;
  expect((await fetch(`${base}/metrics`)).status).toBe(500);
  expect((await fetch(`${base}/metrics`)).status).toBe(200);
});

test('a flood of scrapes renders once, and everybody gets that', async () => {
  let renders = 0;
  const render = async (): Promise<string> => {
    renders += 1;
    return 'breakglass_x 1\n';
  };
  const base = `http://${await addressOf(listening({ freshMs: 600_000 }, { render }))}`;
  for (let n = 0; n < 50; n++) expect((await fetch(`${base}/metrics`)).status).toBe(200);
  expect(renders).toBe(1);
});

test('it closes although somebody holds a connection', async () => {
  const listener = listening();
  const held = await raw(await addressOf(listener));
  await listener.close();
  await held.ended;
});
