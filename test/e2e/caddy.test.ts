// The console behind a real edge: Debian's Caddy with TLS and forward_auth in front of a small sign-on, with deploy/Caddyfile as it is.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOKEN } from '../support/console.ts';
import { freePort } from '../support/free-port.ts';
import { type House, startHouse } from '../support/house.ts';
import { until } from '../support/wait-for.ts';

const CADDYFILE = path.resolve(import.meta.dirname, '../../deploy/Caddyfile');

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

describe('behind Caddy', () => {
  let house: House;
  let caddy: ChildProcess;
  let sso: Server;
  let ca: Buffer;
  let port: number;
  let ssoWorks = true;
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-caddy-'));

  /** Over TLS, as a browser: everything by the one name. */
  function open(
    method: string,
    url: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request(
        { host: 'localhost', port, path: url, method, headers, ca, agent: false },
        resolve,
      );
      asked.on('error', reject);
      asked.end(body);
    });
  }
  async function ask(
    method: string,
    url: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Answer> {
    const answer = await open(method, url, headers, body);
    let text = '';
    for await (const part of answer) text += String(part);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: text };
  }
  const ann = { cookie: 'sso=ann' };

  beforeAll(async () => {
    port = await freePort();
    house = await startHouse({
      scenario: 'io-stall',
      env: {
        BREAKGLASS_TRUSTED_PROXIES: '127.0.0.1/32',
        BREAKGLASS_PUBLIC_URL: `https://localhost:${port}`,
        BREAKGLASS_SSE_KEEPALIVE_SECONDS: '1',
      },
    });
    sso = createServer((asked, reply) => {
      const name = /sso=(\w+)/.exec(asked.headers.cookie ?? '')?.[1];
      if (!ssoWorks) reply.writeHead(503).end();
      else if (name === undefined) reply.writeHead(302, { location: 'https://sso.example/login' }).end();
      else reply.writeHead(200, { 'X-authentik-username': name }).end();
    }).listen(0, '127.0.0.1');
    await once(sso, 'listening');
    const own = path.join(dir, 'Caddyfile');
    writeFileSync(
      own,
      `{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\thttp_port ${await freePort()}\n\thttps_port ${port}\n}\nimport ${CADDYFILE}\n`,
    );
    caddy = spawn('caddy', ['run', '--config', own, '--adapter', 'caddyfile'], {
      stdio: ['ignore', 'ignore', 'ignore'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: dir,
        XDG_DATA_HOME: dir,
        BREAKGLASS_SITE: `https://localhost:${port}`,
        BREAKGLASS_UPSTREAM: new URL(house.base).host,
        BREAKGLASS_SSO: `127.0.0.1:${(sso.address() as AddressInfo).port}`,
      },
    });
    await until('Caddy answers', async () => {
      try {
        ca = readFileSync(path.join(dir, 'caddy/pki/authorities/local/root.crt'));
        return (await ask('GET', '/health')).status === 200;
      } catch {
        return false;
      }
    });
  }, 120_000);
  afterAll(async () => {
    if (caddy?.exitCode === null) {
      const gone = once(caddy, 'exit');
      caddy.kill('SIGTERM');
      await gone;
    }
    sso?.close();
    await house?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test('whoever the sign-on names is in, and what a client claims of itself counts nowhere', async () => {
    expect((await ask('GET', '/')).headers.location).toBe('https://sso.example/login');
    expect(JSON.parse((await ask('GET', '/api/me', ann)).body)).toMatchObject({ name: 'ann', how: 'proxy' });
    const claims: Record<string, string>[] = [
      { 'X-authentik-username': 'root' },
      { 'x-AUTHENTIK-username': 'root' },
      { X_authentik_username: 'root' },
      { 'X-authentik_username': 'root' },
      { 'X-Forwarded-For': '127.0.0.1', 'X-authentik-username': 'root' },
    ];
    for (const claim of claims) {
      expect((await ask('GET', '/api/me', claim)).status).toBe(302);
      // Where the sign-on is not asked: by its own paths, with a wrong token, with a cookie that opens nothing.
      expect((await ask('GET', '/emergency', claim)).status).toBe(403);
      expect((await ask('GET', '/api/me', { ...claim, authorization: 'Bearer wrong' })).status).toBe(401);
      expect((await ask('GET', '/api/me', { ...claim, cookie: '__Host-breakglass=x' })).status).toBe(401);
      // A look-alike beside the real one is nobody: some programs fold the two into one.
      const both = await ask('GET', '/api/me', { ...claim, ...ann });
      if (both.status === 200) expect(JSON.parse(both.body)).toMatchObject({ name: 'ann' });
      else expect(both.status).toBe(401);
    }
    const foreign = { ...ann, origin: 'https://evil.example' };
    expect((await ask('POST', '/api/pve/stop', foreign)).status).toBe(403);
    expect(
      (await ask('POST', '/api/pve/status', { ...ann, origin: `https://localhost:${port}` })).status,
    ).toBe(200);
  });

  test('the pages of the sign-on under this name are its own, signed in or not', async () => {
    const start = '/outpost.goauthentik.io/start?rd=%2F';
    expect((await ask('GET', start)).headers.location).toBe('https://sso.example/login');
    for (const cookie of ['sso=ann', '__Host-breakglass=x; sso=ann'])
      expect((await ask('GET', start, { cookie })).headers['x-authentik-username']).toBe('ann');
  });

  test('when the sign-on is down a person signs in with the token, on a device that is then known', async () => {
    ssoWorks = false;
    expect((await ask('GET', '/api/me', ann)).status).toBe(503);
    // The page for it, with all that it loads, and the passkeys' routes; nothing else.
    const page = await ask('GET', '/sign-in');
    expect(page.status).toBe(200);
    const assets = [...page.body.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, url = '']) => url);
    expect(assets.length).toBeGreaterThan(0);
    for (const url of assets) expect((await ask('GET', url)).status).toBe(200);
    expect(JSON.parse((await ask('GET', '/api/login')).body)).toEqual({ passkey: false });
    expect((await ask('POST', '/api/login/passkey')).status).toBe(404);
    expect((await ask('GET', '/')).status).toBe(503);
    const form = { 'content-type': 'application/x-www-form-urlencoded', origin: `https://localhost:${port}` };
    const signedIn = await ask('POST', '/emergency/login', form, `token=${TOKEN}`);
    expect(signedIn.status).toBe(303);
    const cookie = String(signedIn.headers['set-cookie']);
    expect(cookie).toMatch(/^__Host-breakglass=.*Secure/);
    const own = { cookie: cookie.split(';')[0] ?? '' };
    expect((await ask('GET', '/', own)).status).toBe(200);
    expect(JSON.parse((await ask('GET', '/api/me', own)).body)).toMatchObject({ name: 'operator' });
    expect((await ask('POST', '/api/pve/status', own)).status).toBe(200);
    ssoWorks = true;
  });

  test('a guest of a share link is in without the sign-on, and sees its session and nothing else', async () => {
    const json = { 'content-type': 'application/json', origin: `https://localhost:${port}` };
    const opened = await ask('POST', '/api/session', ann);
    const { session_id } = JSON.parse(opened.body) as { session_id: string };
    const made = await ask('POST', `/api/session/${session_id}/share`, { ...ann, ...json }, '{}');
    expect(made.status).toBe(201);
    const { url } = JSON.parse(made.body) as { url: string };
    // The path of the link is one that the sign-on is not asked for.
    expect((await ask('GET', new URL(url).pathname)).status).toBe(200);
    const code = url.slice(url.lastIndexOf('/') + 1);
    const entered = await ask('POST', '/api/login', json, JSON.stringify({ code }));
    expect(entered.status).toBe(204);
    const guest = { cookie: String(entered.headers['set-cookie']).split(';')[0] ?? '' };
    expect(JSON.parse((await ask('GET', '/api/me', guest)).body)).toMatchObject({
      role: 'guest',
      watches: { session_id },
    });
    expect((await ask('GET', '/api/sessions', guest)).status).toBe(403);
    expect((await ask('POST', '/api/pve/status', { ...guest, ...json })).status).toBe(403);
  });

  test('an event stream comes as it is written, and is kept warm', async () => {
    const json = { ...ann, 'content-type': 'application/json' };
    const { session_id } = JSON.parse((await ask('POST', '/api/session', ann)).body) as {
      session_id: string;
    };
    const stream = await open('GET', `/api/session/${session_id}/stream`, ann);
    expect(stream.headers['content-type']).toMatch(/^text\/event-stream/);
    let text = '';
    stream.on('data', (part: Buffer) => {
      text += part.toString();
    });
    await until('the end of the replay', () => text.includes('event: caught-up'));
    await until('keepalives', () => text.split(': keepalive').length > 3);
    await ask(
      'POST',
      `/api/session/${session_id}/prompt`,
      json,
      JSON.stringify({ prompt: 'What is wrong?' }),
    );
    await until('the prompt, while the turn runs', () => text.includes('"kind":"user"'));
    await until('the end of the turn', () => text.includes('"kind":"turn_end"'));
    stream.destroy();
  });

  test('a verb that takes long is answered through the edge, on the fixed route and as a stream', async () => {
    const cycle = await ask('POST', '/api/pve/cycle', ann);
    expect([cycle.status, JSON.parse(cycle.body)]).toEqual([200, expect.objectContaining({ exit_code: 0 })]);
    const watched = await ask('POST', '/api/targets/devvm/power/forensics', {
      ...ann,
      accept: 'text/event-stream',
    });
    expect(watched.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(watched.body).toMatch(/"finished_at"/);
  });
});
