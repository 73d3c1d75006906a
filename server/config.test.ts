import { expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const TOKEN = { API_BEARER_TOKEN: 'long-enough-0123456789' };

test('one way to authenticate is enough, none is refused with what to set', () => {
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
  expect(config.target.vm).toEqual({ host: '10.0.10.10', port: 22, user: 'breakglass' });
  expect(config.target.powerHost).toEqual({ host: '192.168.1.127', port: 22, user: 'root' });
  expect(config).toMatchObject({
    port: 8080,
    bind: '127.0.0.1',
    keepaliveMs: 20_000,
    sessionsDir: '/workspace/sessions',
    dataDir: '/workspace/data',
    lab: null,
  });
  expect(config.target).toMatchObject({ observerUser: undefined, verbTimeoutMs: 120_000 });
  expect(config.agent).toMatchObject({ model: 'sonnet', maxConcurrentTurns: 2, turnTimeoutMs: 1_800_000 });
});

test('ask is not built yet: it counts as autonomous and says so', () => {
  expect(readConfig(TOKEN).policy).toEqual({ mode: 'autonomous', askPending: true });
  expect(readConfig({ ...TOKEN, BREAKGLASS_POLICY: 'ask' }).policy).toEqual({
    mode: 'autonomous',
    askPending: true,
  });
  expect(readConfig({ ...TOKEN, BREAKGLASS_POLICY: 'observe' }).policy).toEqual({
    mode: 'observe',
    askPending: false,
  });
});

test.each([
  ['BREAKGLASS_PORT', '80a'],
  ['BREAKGLASS_PORT', '70000'],
  ['BREAKGLASS_PORT', '-1'],
  ['BREAKGLASS_DEVVM_HOST', '-oProxyCommand=reboot'],
  ['BREAKGLASS_DEVVM_HOST', 'a b'],
  ['BREAKGLASS_DEVVM_USER', '-l'],
  ['BREAKGLASS_PVE_HOST', 'root@10.0.0.1'],
  ['BREAKGLASS_DEVVM_OBSERVER_USER', 'x;y'],
  ['BREAKGLASS_POLICY', 'yolo'],
  ['BREAKGLASS_TRUSTED_PROXIES', '10.0.0.0/33'],
  ['BREAKGLASS_TRUSTED_PROXIES', 'everyone'],
  ['BREAKGLASS_AGENT', '../evil'],
  ['BREAKGLASS_MODEL', '--help'],
  ['BREAKGLASS_TURN_TIMEOUT_SECONDS', '0'],
  ['BREAKGLASS_TLS_CERT', '/does/not/exist'],
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
