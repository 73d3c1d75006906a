import { symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { selfSigned } from '../../test/support/self-signed.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { readConfig } from './config.ts';
import { ConfigError } from './fields.ts';

const TOKEN = { API_BEARER_TOKEN: 'long-enough-0123456789' };

test('one way to authenticate is enough; without any the start is refused, with what to set', () => {
  expect(readConfig(TOKEN).access.bearerToken).toBe(TOKEN.API_BEARER_TOKEN);
  expect(readConfig({ BREAKGLASS_TRUSTED_PROXIES: '10.42.0.0/16, fd00::/8' }).access.trustedProxies).toEqual([
    '10.42.0.0/16',
    'fd00::/8',
  ]);
  expect(() => readConfig({})).toThrow(/API_BEARER_TOKEN.*BREAKGLASS_TRUSTED_PROXIES/);
  expect(() => readConfig({ API_BEARER_TOKEN: '' })).toThrow(ConfigError);
  expect(() => readConfig({ API_BEARER_TOKEN: 'short' })).toThrow(/at least 16/);
});

test('the defaults are those that deployments know', () => {
  const config = readConfig(TOKEN);
  expect(config.targets).toEqual({
    default: 'devvm',
    all: [
      {
        name: 'devvm',
        title: undefined,
        vm: { host: '10.0.10.10', port: 22, user: 'breakglass' },
        observerUser: undefined,
        vmKeyPath: '/secrets/breakglass/private_key',
        powerHost: { host: '192.168.1.127', port: 22, user: 'root' },
        powerKeyPath: '/secrets/breakglass/private_key',
        vmid: undefined,
        policy: undefined,
        alerts: [],
      },
    ],
  });
  expect(config).toMatchObject({
    port: 8080,
    bind: '127.0.0.1',
    keepaliveMs: 20_000,
    sessionsDir: '/workspace/sessions',
    dataDir: '/workspace/data',
    lab: null,
  });
  expect(config.verbTimeoutMs).toBe(120_000);
  expect(config.agent).toMatchObject({ model: 'sonnet', maxConcurrentTurns: 2, turnTimeoutMs: 1_800_000 });
});

test('a data directory below /proc is refused, by any way there: making one would never end', () => {
  const dir = tempDir();
  symlinkSync('/proc/self', path.join(dir, 'link'));
  for (const [name, value] of [
    ['BREAKGLASS_DATA_DIR', '/proc/breakglass'],
    ['BREAKGLASS_DATA_DIR', '/proc/breakglass/data'],
    ['BREAKGLASS_DATA_DIR', path.join(dir, 'link', 'data')],
    ['BREAKGLASS_SESSIONS_DIR', '/proc/breakglass/sessions'],
  ] as const) {
    const read = () => readConfig({ API_BEARER_TOKEN: 'x'.repeat(16), [name]: value });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(`${name}: ${JSON.stringify(value)} is not understood.`);
  }
  expect(
    readConfig({ API_BEARER_TOKEN: 'x'.repeat(16), BREAKGLASS_DATA_DIR: path.join(dir, 'a', 'b') }).dataDir,
  ).toBe(path.join(dir, 'a', 'b'));
});

test('the policy is ask where nothing else is set', () => {
  expect(readConfig(TOKEN).policy).toBe('ask');
  expect(readConfig({ ...TOKEN, BREAKGLASS_POLICY: 'autonomous' }).policy).toBe('autonomous');
  expect(() => readConfig({ ...TOKEN, BREAKGLASS_POLICY: 'yolo' })).toThrow(/BREAKGLASS_POLICY/);
});

test.each([
  ['BREAKGLASS_PORT', '80a'],
  ['BREAKGLASS_PORT', '70000'],
  ['BREAKGLASS_PORT', '-1'],
  ['BREAKGLASS_DEVVM_HOST', '-oProxyCommand=reboot'],
  ['BREAKGLASS_DEVVM_HOST', 'a b'],
  ['BREAKGLASS_DEVVM_USER', '-l'],
  ['BREAKGLASS_DEVVM_HOST', 'fe80::1%a b'],
  ['BREAKGLASS_PVE_VMID', '12'],
  ['BREAKGLASS_PVE_HOST', 'root@10.0.0.1'],
  ['BREAKGLASS_DEVVM_OBSERVER_USER', 'x;y'],
  ['BREAKGLASS_POLICY', 'yolo'],
  ['BREAKGLASS_TRUSTED_PROXIES', '10.0.0.0/33'],
  ['BREAKGLASS_TRUSTED_PROXIES', 'everyone'],
  ['BREAKGLASS_TRUSTED_PROXIES', '10.0'],
  ['BREAKGLASS_TRUSTED_PROXIES', '0/0'],
  ['BREAKGLASS_TRUSTED_PROXIES', '10.42/16'],
  ['BREAKGLASS_TRUSTED_PROXIES', '10.0.0.0/8/8'],
  ['ANTHROPIC_BASE_URL', 'api.example.com'],
  ['ANTHROPIC_BASE_URL', 'file:///etc/passwd'],
  ['BREAKGLASS_AGENT', '../evil'],
  ['BREAKGLASS_MODEL', '--help'],
  ['BREAKGLASS_TURN_TIMEOUT_SECONDS', '0'],
  ['BREAKGLASS_TLS_CERT', '/does/not/exist'],
  ['BREAKGLASS_AUDIT_SYSLOG', 'logs.example.com:514'],
  ['BREAKGLASS_AUDIT_SYSLOG', 'udp://logs.example.com:514'],
  ['BREAKGLASS_AUDIT_SYSLOG', 'tcp://logs.example.com'],
  ['BREAKGLASS_AUDIT_SYSLOG', 'tcp://logs.example.com:0'],
  ['BREAKGLASS_AUDIT_SYSLOG', 'tls://me@logs.example.com:6514'],
  ['BREAKGLASS_AUDIT_SYSLOG', 'tcp://fe80::1:514'],
  ['BREAKGLASS_AUDIT_WEBHOOK', 'logs.example.com/hook'],
  ['BREAKGLASS_AUDIT_WEBHOOK', 'file:///etc/passwd'],
])('%s=%s stops the start with the name, the value and what was expected', (name, value) => {
  const read = () =>
    readConfig({
      ...TOKEN,
      [name]: value,
      ...(name === 'BREAKGLASS_TLS_CERT' ? { BREAKGLASS_TLS_KEY: value } : {}),
    });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(new RegExp(`${name}: .*xpected`));
});

test('whole addresses and blocks are trusted as written', () => {
  const cidrs = ['0.0.0.0/0', '10.42.0.7', 'fd00::/8', '::1'];
  expect(readConfig({ ...TOKEN, BREAKGLASS_TRUSTED_PROXIES: cidrs.join(',') }).access.trustedProxies).toEqual(
    cidrs,
  );
});

test('an IPv6 address is an address, even with a zone', () => {
  for (const host of ['::1', 'fe80::1%vmbr0', '2001:db8::7'])
    expect(readConfig({ ...TOKEN, BREAKGLASS_DEVVM_HOST: host }).targets.all[0]?.vm.host).toBe(host);
});

test('a secret may come from a file; from both places it is refused', () => {
  const file = path.join(tempDir(), 'token');
  writeFileSync(
    file,
    `${TOKEN.API_BEARER_TOKEN}
`,
  );
  expect(readConfig({ API_BEARER_TOKEN_FILE: file }).access.bearerToken).toBe(TOKEN.API_BEARER_TOKEN);
  expect(() => readConfig({ ...TOKEN, API_BEARER_TOKEN_FILE: file })).toThrow(/both set/);
  expect(() => readConfig({ API_BEARER_TOKEN_FILE: '/does/not/exist' })).toThrow(/^API_BEARER_TOKEN_FILE: /);
});

const SIGNED = {
  BREAKGLASS_TRUSTED_PROXIES: '10.42.0.0/16',
  BREAKGLASS_JWT_HEADER: 'X-authentik-jwt',
  BREAKGLASS_JWT_JWKS_URL: 'https://auth.example/application/o/breakglass/jwks/',
  BREAKGLASS_JWT_ISSUER: 'https://auth.example/application/o/breakglass/',
  BREAKGLASS_JWT_AUDIENCE: 'breakglass',
};

test('a signed identity is configured as a whole, and only behind a trusted proxy', () => {
  expect(readConfig(TOKEN).access.signed).toBeUndefined();
  expect(readConfig(SIGNED).access.signed).toEqual({
    header: 'x-authentik-jwt',
    jwksUrl: SIGNED.BREAKGLASS_JWT_JWKS_URL,
    issuer: SIGNED.BREAKGLASS_JWT_ISSUER,
    audience: 'breakglass',
    claim: 'preferred_username',
  });
  for (const name of Object.keys(SIGNED).filter((each) => each.startsWith('BREAKGLASS_JWT')))
    expect(() => readConfig({ ...SIGNED, [name]: '' })).toThrow(
      new RegExp(`go together: set all or none. Not set: ${name}\\.$`),
    );
  expect(() => readConfig({ ...TOKEN, BREAKGLASS_JWT_CLAIM: 'email' })).toThrow(/set all or none/);
  expect(() => readConfig({ ...TOKEN, ...SIGNED, BREAKGLASS_TRUSTED_PROXIES: '' })).toThrow(
    /BREAKGLASS_JWT_HEADER is set without BREAKGLASS_TRUSTED_PROXIES/,
  );
});

test('a group of observers is configured as a whole, where the edge names its people, and only behind a trusted proxy', () => {
  const proxied = { ...TOKEN, BREAKGLASS_TRUSTED_PROXIES: '10.42.0.0/16' };
  const header = { BREAKGLASS_GROUPS_HEADER: 'X-authentik-groups', BREAKGLASS_OBSERVER_GROUP: 'watching' };
  const claim = { BREAKGLASS_JWT_GROUPS_CLAIM: 'groups', BREAKGLASS_OBSERVER_GROUP: 'watching' };
  const observers = (env: Record<string, string>) => readConfig(env).access.observers;
  expect(observers(proxied)).toBeUndefined();
  expect(observers({ ...proxied, ...header })).toEqual({ in: 'x-authentik-groups', group: 'watching' });
  expect(observers({ ...SIGNED, ...claim })).toEqual({ in: 'groups', group: 'watching' });
  for (const [env, message] of [
    [{ ...proxied, ...header, BREAKGLASS_OBSERVER_GROUP: '' }, /Not set: BREAKGLASS_OBSERVER_GROUP\.$/],
    [{ ...proxied, ...header, BREAKGLASS_GROUPS_HEADER: '' }, /Not set: BREAKGLASS_GROUPS_HEADER\.$/],
    [{ ...SIGNED, ...claim, BREAKGLASS_OBSERVER_GROUP: '' }, /Not set: BREAKGLASS_OBSERVER_GROUP\.$/],
    [{ ...SIGNED, ...claim, BREAKGLASS_JWT_GROUPS_CLAIM: '' }, /Not set: BREAKGLASS_JWT_GROUPS_CLAIM\.$/],
    [{ ...SIGNED, ...header }, /a header that nobody signed is not believed/],
    [{ ...SIGNED, ...header, ...claim }, /a header that nobody signed is not believed/],
    [{ ...proxied, ...claim }, /BREAKGLASS_JWT_GROUPS_CLAIM is set without BREAKGLASS_JWT_HEADER/],
    [{ ...TOKEN, ...header }, /without BREAKGLASS_TRUSTED_PROXIES/],
    [{ ...proxied, ...header, BREAKGLASS_OBSERVER_GROUP: 'a|b' }, /one group/],
    [{ ...proxied, ...header, BREAKGLASS_OBSERVER_GROUP: 'a, b' }, /one group/],
    [{ ...proxied, ...header, BREAKGLASS_GROUPS_HEADER: 'cookie' }, /only the proxy sets/],
    [{ ...proxied, ...header, BREAKGLASS_GROUPS_HEADER: 'X-Authentik-Username' }, /another header/],
    [{ ...proxied, ...header, BREAKGLASS_GROUPS_HEADER: 'x y' }, /BREAKGLASS_GROUPS_HEADER/],
  ] as const)
    expect(() => readConfig(env)).toThrow(message);
});

test('the claim with the name is what the edge usually has, or what is configured', () => {
  const cloudflare = { ...SIGNED, BREAKGLASS_JWT_HEADER: 'Cf-Access-Jwt-Assertion' };
  expect(readConfig(cloudflare).access.signed?.claim).toBe('email');
  expect(readConfig({ ...cloudflare, BREAKGLASS_JWT_CLAIM: 'sub' }).access.signed?.claim).toBe('sub');
});

test.each([
  ['BREAKGLASS_JWT_HEADER', 'Authorization'],
  ['BREAKGLASS_JWT_HEADER', 'x jwt'],
  ['BREAKGLASS_JWT_HEADER', 'X-Authentik-Username'],
  ['BREAKGLASS_JWT_JWKS_URL', 'auth.example/jwks'],
  ['BREAKGLASS_JWT_JWKS_URL', 'file:///etc/passwd'],
])('%s=%s is refused with what was expected', (name, value) => {
  expect(() => readConfig({ ...SIGNED, [name]: value })).toThrow(new RegExp(`^${name}: .*Expected`));
});

test('TLS files that are not a pair of PEM files are refused, with the name of the variable that is wrong', () => {
  const dir = tempDir();
  const pair = selfSigned(dir, 'one');
  const other = selfSigned(dir, 'two');
  const garbage = path.join(dir, 'garbage.pem');
  writeFileSync(garbage, 'not a PEM file');
  const read = (cert: string, key: string) => () =>
    readConfig({ ...TOKEN, BREAKGLASS_TLS_CERT: cert, BREAKGLASS_TLS_KEY: key });
  expect(read(pair.cert, pair.key)().tls).toEqual(pair);
  expect(read(garbage, pair.key)).toThrow(/^BREAKGLASS_TLS_CERT: .*garbage\.pem.*xpected a PEM file/);
  expect(read(pair.cert, garbage)).toThrow(/^BREAKGLASS_TLS_KEY: .*garbage\.pem.*xpected a PEM file/);
  expect(read(pair.cert, other.key)).toThrow(/^BREAKGLASS_TLS_KEY: /);
  expect(read(dir, pair.key)).toThrow(/^BREAKGLASS_TLS_CERT: /);
});

test('the audit log may go by syslog over TCP or TLS, to a webhook, or to both', () => {
  expect(readConfig(TOKEN).audit).toEqual({ syslog: undefined, webhook: undefined });
  expect(readConfig({ ...TOKEN, BREAKGLASS_AUDIT_SYSLOG: 'tcp://[fd00::7]:514' }).audit.syslog).toEqual({
    host: 'fd00::7',
    port: 514,
    tls: undefined,
  });
  const dir = tempDir();
  const { cert } = selfSigned(dir);
  const secret = path.join(dir, 'hook-token');
  writeFileSync(secret, 'hook-token\n');
  const { audit } = readConfig({
    ...TOKEN,
    BREAKGLASS_AUDIT_SYSLOG: 'tls://logs.example.com:6514',
    BREAKGLASS_AUDIT_SYSLOG_CA: cert,
    BREAKGLASS_AUDIT_WEBHOOK: 'https://hooks.example.com/breakglass',
    BREAKGLASS_AUDIT_WEBHOOK_TOKEN_FILE: secret,
  });
  expect(audit.syslog).toMatchObject({ host: 'logs.example.com', port: 6514 });
  expect(audit.syslog?.tls?.ca).toContain('BEGIN CERTIFICATE');
  expect(audit.webhook).toEqual({ url: 'https://hooks.example.com/breakglass', token: 'hook-token' });
});

test('what would send the audit log elsewhere than meant, or with a secret in the open, is refused', () => {
  const { key } = selfSigned(tempDir());
  const tls = 'tls://logs.example.com:6514';
  const hook = 'https://hooks.example.com/';
  for (const [env, message] of [
    [{ BREAKGLASS_AUDIT_SYSLOG_CA: key }, /without BREAKGLASS_AUDIT_SYSLOG/],
    [{ BREAKGLASS_AUDIT_SYSLOG: 'tcp://h:514', BREAKGLASS_AUDIT_SYSLOG_CA: key }, /Expected tls:/],
    [{ BREAKGLASS_AUDIT_SYSLOG: tls, BREAKGLASS_AUDIT_SYSLOG_CA: key }, /_CA: .*no certificate/],
    [{ BREAKGLASS_AUDIT_SYSLOG: tls, BREAKGLASS_AUDIT_SYSLOG_CA: '/none.pem' }, /_CA: .*none\.pem/],
    [{ BREAKGLASS_AUDIT_WEBHOOK_TOKEN: 'x' }, /without BREAKGLASS_AUDIT_WEBHOOK/],
    [{ BREAKGLASS_AUDIT_WEBHOOK: 'https://me:pw@hooks.example.com/' }, /contains a name or a password/],
    [{ BREAKGLASS_AUDIT_WEBHOOK: hook, BREAKGLASS_AUDIT_WEBHOOK_TOKEN: 'a\nb' }, /no HTTP header may carry/],
  ] as const)
    expect(() => readConfig({ ...TOKEN, ...env })).toThrow(message);
});

test('metrics have a port of their own, which is not that of the console, and are off without one', () => {
  expect(readConfig(TOKEN).metrics).toBeUndefined();
  const on = { ...TOKEN, BREAKGLASS_METRICS_PORT: '9464' };
  expect(readConfig(on).metrics).toEqual({ port: 9464, bind: '127.0.0.1' });
  expect(readConfig({ ...on, BREAKGLASS_METRICS_BIND: '0.0.0.0' }).metrics).toEqual({
    port: 9464,
    bind: '0.0.0.0',
  });
  for (const port of ['0', '65536', 'x', '8080'])
    expect(() => readConfig({ ...TOKEN, BREAKGLASS_METRICS_PORT: port })).toThrow(
      /^BREAKGLASS_METRICS_PORT: /,
    );
  expect(() => readConfig({ ...on, BREAKGLASS_METRICS_BIND: 'no address' })).toThrow(
    /BREAKGLASS_METRICS_BIND/,
  );
});
