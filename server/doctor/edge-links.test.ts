// Certificates and addresses, with real TLS servers.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Link } from '../../protocol/doctor.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { type EdgeParts, edgeChain } from './edge-links.ts';
import { examine } from './examine.ts';

const look = async (parts: Partial<EdgeParts>): Promise<readonly Link[]> =>
  examine([
    edgeChain({
      publicUrls: [],
      trustedProxies: [],
      identityHeader: 'x-authentik-username',
      signedHeader: undefined,
      traffic: () => ({ namedAtMs: undefined, unnamedPeople: 0, strangers: 0 }),
      ownCertificate: undefined,
      now: Date.now,
      ...parts,
    }),
  ]);
const of = (links: readonly Link[], code: Link['code']) => links.find((link) => link.code === code);

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** What `openssl ca` wants before it signs with dates of one's own. */
const AUTHORITY = {
  index: '',
  serial: '01\n',
  'ca.cnf':
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n',
};

/** @param dates as `openssl x509` takes them, from and until */
function certificate(from: string, until: string): { readonly cert: string; readonly key: string } {
  const dir = tempDir();
  const [cert, key] = [path.join(dir, 'tls.crt'), path.join(dir, 'tls.key')];
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { stdio: 'pipe', cwd: dir });
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
  openssl('req', '-new', '-key', key, '-subj', '/CN=127.0.0.1', '-out', 'request.csr');
  for (const [name, text] of Object.entries(AUTHORITY)) writeFileSync(path.join(dir, name), text);
  const authority = ['-batch', '-selfsign', '-notext', '-config', 'ca.cnf', '-keyfile', key];
  openssl('ca', ...authority, '-startdate', from, '-enddate', until, '-in', 'request.csr', '-out', cert);
  return { cert, key };
}

/** A certificate that is good for long, and after it in the file the authority that issued it, with these dates; a root is above both. */
function chain(from: string, until: string): { readonly cert: string; readonly key: string } {
  const dir = tempDir();
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { stdio: 'pipe', cwd: dir });
  const key = (name: string): void =>
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
  const asked = (name: string, subject: string): void => {
    key(name);
    openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${subject}`, '-out', `${name}.csr`);
  };
  for (const [name, text] of Object.entries(AUTHORITY)) writeFileSync(path.join(dir, name), text);
  writeFileSync(path.join(dir, 'ca.ext'), 'basicConstraints=critical,CA:true\n');
  key('root');
  openssl('req', '-x509', '-new', '-key', 'root.key', '-subj', '/CN=root', '-days', '90', '-out', 'root.crt');
  asked('between', 'between');
  const by = ['-batch', '-notext', '-config', 'ca.cnf', '-cert', 'root.crt', '-keyfile', 'root.key'];
  const dates = ['-startdate', from, '-enddate', until, '-extfile', 'ca.ext'];
  openssl('ca', ...by, ...dates, '-in', 'between.csr', '-out', 'between.crt');
  asked('own', '127.0.0.1');
  const issued = ['-CA', 'between.crt', '-CAkey', 'between.key', '-CAcreateserial', '-days', '60'];
  openssl('x509', '-req', '-in', 'own.csr', ...issued, '-out', 'own.crt');
  const cert = path.join(dir, 'chain.crt');
  const both = ['own.crt', 'between.crt'].map((name) => readFileSync(path.join(dir, name), 'utf8'));
  writeFileSync(cert, both.join(''));
  return { cert, key: path.join(dir, 'own.key') };
}

const inDays = (days: number): string =>
  `${new Date(Date.now() + days * 86_400_000).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;

async function consoleWith(tls: { readonly cert: string; readonly key: string }): Promise<string> {
  const server = createServer(
    { cert: readFileSync(tls.cert), key: readFileSync(tls.key) },
    (_request, response) =>
      response
        .setHeader('content-type', 'application/json')
        .end('{"status":"ok","service":"claude-breakglass"}'),
  );
  return `https://127.0.0.1:${await listening(server)}`;
}

test('edge-certificate: one that is over is the only thing broken', async () => {
  const url = await consoleWith(certificate(inDays(-90), inDays(-2)));
  const links = await look({ publicUrls: [url] });
  expect(links.filter(({ state }) => state === 'broken')).toMatchObject([
    { code: 'edge-certificate', detail: expect.stringContaining('browsers refuse the page') },
  ]);
  expect(of(links, 'edge-address')?.state).toBe('works');
});

test.each([
  ['in two days', 2, 'broken', 'in 1 days'],
  ['in ten days', 10, 'doubtful', 'in 9 days'],
  ['in two months', 60, 'works', 'good for 59 days'],
] as const)("edge-certificate: the console's own ends %s", async (_name, days, state, words) => {
  const { cert } = certificate(inDays(-1), inDays(days));
  const link = of(await look({ ownCertificate: cert }), 'edge-certificate');
  expect(link).toMatchObject({ state, detail: expect.stringContaining(words) });
});

test.each([
  ['is over', -2, 'broken', /authority .*between, which comes along .* ended on/],
  ['ends in a day', 1, 'doubtful', /authority .*between, which comes along .* ends on/],
  ['is good', 60, 'works', /^The certificate of .* is good for 59 days\.$/],
] as const)('edge-certificate: the authority in between %s', async (_name, days, state, words) => {
  const tls = chain(inDays(-90), inDays(days));
  const own = of(await look({ ownCertificate: tls.cert }), 'edge-certificate');
  expect([own?.state, own?.detail]).toEqual([state, expect.stringMatching(words)]);
  const shown = of(await look({ publicUrls: [await consoleWith(tls)] }), 'edge-certificate');
  // Nobody here trusts its root.
  expect(shown?.state).toBe(state === 'works' ? 'doubtful' : state);
  if (state === 'broken') expect(shown?.detail).toMatch(words);
});

test('edge-certificate: one that nobody here trusts is doubtful', async () => {
  const url = await consoleWith(certificate(inDays(-1), inDays(60)));
  expect(of(await look({ publicUrls: [url] }), 'edge-certificate')).toMatchObject({
    state: 'doubtful',
    detail: expect.stringContaining('is not trusted by this machine'),
  });
});

test.each([
  ['somebody else is there', 200, 'broken'],
  ['the sign-on comes first', 302, 'doubtful'],
  ['the edge does not reach the console', 502, 'broken'],
] as const)('edge-address: %s', async (_name, status, state) => {
  const server = createHttpServer((_request, response) =>
    response.writeHead(status).end('<html>hello</html>'),
  );
  const url = `http://127.0.0.1:${await listening(server)}`;
  expect(of(await look({ publicUrls: [url] }), 'edge-address')?.state).toBe(state);
});

test.each([
  ['a sign-on page', 200, '<html>Sign in</html>'],
  ['a redirect to one', 302, ''],
  ['a refusal of its own', 403, '{"message":"Forbidden"}'],
] as const)('edge-spoofed: %s is no word of the console', async (_name, status, body) => {
  const server = createHttpServer((request, response) =>
    request.url === '/health'
      ? response.end('{"status":"ok","service":"claude-breakglass"}')
      : response.writeHead(status).end(body),
  );
  const url = `http://127.0.0.1:${await listening(server)}`;
  const links = await look({ publicUrls: [url], trustedProxies: ['127.0.0.1'] });
  expect(of(links, 'edge-spoofed')).toMatchObject({
    state: 'not-checked',
    detail: expect.stringContaining(`answers ${status}`),
  });
});

const HOUR_MS = 3_600_000;
test.each([
  ['nobody came', undefined, 0, 0, 'not-checked'],
  ['strangers alone came, however many', undefined, 0, 900, 'not-checked'],
  ['people who are signed in came, and nobody was ever named', undefined, 1, 0, 'broken'],
  ['somebody was named, and strangers came', 30 * HOUR_MS, 0, 900, 'works'],
  ['somebody was named, and people came without it after that', HOUR_MS, 4, 0, 'doubtful'],
  ['nobody was named for more than a day, in which people came', 30 * HOUR_MS, 4, 0, 'broken'],
] as const)('edge-identity: %s', async (_name, namedAgoMs, unnamedPeople, strangers, state) => {
  const nowMs = Date.now();
  const namedAtMs = namedAgoMs === undefined ? undefined : nowMs - namedAgoMs;
  const links = await look({
    trustedProxies: ['127.0.0.1'],
    traffic: () => ({ namedAtMs, unnamedPeople, strangers }),
    now: () => nowMs,
  });
  expect(of(links, 'edge-identity')).toMatchObject({
    state,
    detail: expect.stringContaining('x-authentik-username'),
  });
});

test('a console without an edge has nothing of one to look at', async () => {
  expect((await look({})).map(({ code, state }) => [code, state])).toEqual([
    ['edge-address', 'not-used'],
    ['edge-certificate', 'not-used'],
    ['edge-identity', 'not-used'],
    ['edge-spoofed', 'not-used'],
    ['edge-stream', 'not-checked'],
  ]);
});
