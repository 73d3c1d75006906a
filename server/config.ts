// The only reader of process.env. A value that is not understood stops the start with its name, the value and what was expected.
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import ipaddr from 'ipaddr.js';
import type { PolicyMode } from '../protocol/events.ts';
import { parseTargetName, type TargetName } from '../protocol/ids.ts';

export interface HostAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

export interface Config {
  readonly port: number;
  readonly bind: string;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly access: {
    readonly bearerToken: string | undefined;
    /** CIDR blocks whose X-authentik-username is believed. */
    readonly trustedProxies: readonly string[];
  };
  readonly target: {
    readonly name: TargetName;
    readonly vm: HostAddress;
    readonly observerUser: string | undefined;
    readonly powerHost: HostAddress;
    readonly verbTimeoutMs: number;
  };
  readonly ssh: { readonly keyPath: string; readonly authSock: string | undefined };
  readonly agent: {
    readonly name: string;
    readonly dir: string;
    readonly model: string;
    readonly maxConcurrentTurns: number;
    readonly turnTimeoutMs: number;
    readonly knowledgeDir: string;
    /** What the model API needs, exactly as it goes into the agent's environment. */
    readonly credentials: Readonly<Record<string, string>>;
  };
  readonly policy: {
    readonly mode: PolicyMode /** True when `ask` was wanted or nothing was said. */;
    readonly askPending: boolean;
  };
  readonly sessionsDir: string;
  readonly dataDir: string;
  readonly webDir: string;
  readonly keepaliveMs: number;
  /** Not a real target: what the banner says. Set by the lab when it starts a server, never by a deployment. */
  readonly lab: { readonly scenario: string; readonly title: string; readonly brief: string } | null;
  readonly searchPath: string;
  readonly home: string;
}

export class ConfigError extends Error {}

type Env = Readonly<Record<string, string | undefined>>;

const root = path.resolve(import.meta.dirname, '..');

export function readConfig(env: Env = process.env): Config {
  const read = (name: string): string | undefined =>
    env[name] === undefined || env[name] === '' ? undefined : env[name];
  const fail = (name: string, value: string, expected: string): never => {
    throw new ConfigError(`${name}: ${JSON.stringify(value)} is not understood. Expected ${expected}.`);
  };
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const text = read(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    return /^\d+$/.test(text) && value >= min && value <= max
      ? value
      : fail(name, text, `a whole number from ${min} to ${max}`);
  };
  // Host and user names become ssh arguments: nothing that ssh could take for an option, a user part or a command.
  const word = (name: string, fallback: string, pattern: RegExp, expected: string): string => {
    const text = read(name) ?? fallback;
    return pattern.test(text) ? text : fail(name, text, expected);
  };
  const host = (name: string, fallback: string): string =>
    word(name, fallback, /^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/, 'an IP address or a host name');
  const user = (name: string, fallback: string): string =>
    word(name, fallback, /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, 'a login name');

  const dir = (name: string, fallback: string): string => path.resolve(read(name) ?? fallback);
  const trustedProxies = (read('BREAKGLASS_TRUSTED_PROXIES') ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  for (const cidr of trustedProxies) {
    if (!isBlock(cidr))
      fail('BREAKGLASS_TRUSTED_PROXIES', cidr, 'a comma-separated list of CIDR blocks, e.g. 10.42.0.0/16');
  }

  const bearerToken = read('API_BEARER_TOKEN');
  if (bearerToken !== undefined && bearerToken.length < 16) {
    throw new ConfigError(
      'API_BEARER_TOKEN: the value is too short to be safe. Expected at least 16 characters, e.g. from: openssl rand -hex 32',
    );
  }
  if (bearerToken === undefined && trustedProxies.length === 0) {
    throw new ConfigError(
      'No way to authenticate is configured, so nobody could be let in safely. Set API_BEARER_TOKEN (a long random string), or BREAKGLASS_TRUSTED_PROXIES (CIDR blocks of a proxy that sets X-authentik-username), or both.',
    );
  }

  const policyText = read('BREAKGLASS_POLICY');
  const policy = policyText ?? 'ask';
  if (policy !== 'observe' && policy !== 'ask' && policy !== 'autonomous')
    return fail('BREAKGLASS_POLICY', policy, 'observe, ask or autonomous');

  const cert = read('BREAKGLASS_TLS_CERT');
  const key = read('BREAKGLASS_TLS_KEY');
  if ((cert === undefined) !== (key === undefined))
    throw new ConfigError('BREAKGLASS_TLS_CERT and BREAKGLASS_TLS_KEY go together: set both or neither.');
  for (const [name, file] of [
    ['BREAKGLASS_TLS_CERT', cert],
    ['BREAKGLASS_TLS_KEY', key],
  ] as const) {
    if (file !== undefined && !existsSync(file)) fail(name, file, 'the path of a PEM file that exists');
  }
  if (cert !== undefined && key !== undefined) checkTls(cert, key);

  const configFile = read('BREAKGLASS_CONFIG');
  if (configFile !== undefined)
    throw new ConfigError(
      `BREAKGLASS_CONFIG: not built yet: several targets from a file (${JSON.stringify(configFile)}). Unset it and describe one target with the other variables.`,
    );
  const apiUrl = read('ANTHROPIC_BASE_URL');
  if (apiUrl !== undefined && !/^https?:$/.test(URL.parse(apiUrl)?.protocol ?? ''))
    fail('ANTHROPIC_BASE_URL', apiUrl, 'a URL with http:// or https://');

  const model = word(
    'BREAKGLASS_MODEL',
    'sonnet',
    /^[A-Za-z0-9][A-Za-z0-9.:_@/[\]-]{0,99}$/,
    'a model name such as sonnet',
  );
  const agentName = word(
    'BREAKGLASS_AGENT',
    'breakglass',
    /^[a-z0-9][a-z0-9-]{0,63}$/,
    'the name of a file agents/<name>.md',
  );
  const sessionsDir = dir('BREAKGLASS_SESSIONS_DIR', '/workspace/sessions');
  const targetName = parseTargetName('devvm');
  if (targetName === undefined) throw new Error('unreachable: the default target name is valid');
  const observerUser = read('BREAKGLASS_DEVVM_OBSERVER_USER');
  const vmHost = host('BREAKGLASS_DEVVM_HOST', '10.0.10.10');
  const credentials: Record<string, string> = {};
  // The proxy and the private authority are not secrets, but without them some deployments do not reach the model at all.
  for (const name of [
    'ANTHROPIC_API_KEY',
    'CLAUDE_CODE_OAUTH_TOKEN',
    'ANTHROPIC_BASE_URL',
    'HTTPS_PROXY',
    'NO_PROXY',
    'NODE_EXTRA_CA_CERTS',
  ]) {
    const value = read(name);
    if (value !== undefined) credentials[name] = value;
  }

  return {
    port: integer('BREAKGLASS_PORT', 8080, 0, 65_535),
    bind: word(
      'BREAKGLASS_BIND',
      '127.0.0.1',
      /^[A-Za-z0-9.:_-]+$/,
      'an address to listen on, e.g. 127.0.0.1 or 0.0.0.0',
    ),
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    access: { bearerToken, trustedProxies },
    target: {
      name: targetName,
      vm: {
        host: vmHost,
        port: integer('BREAKGLASS_DEVVM_PORT', 22, 1, 65_535),
        user: user('BREAKGLASS_DEVVM_USER', 'breakglass'),
      },
      observerUser:
        observerUser === undefined ? undefined : user('BREAKGLASS_DEVVM_OBSERVER_USER', observerUser),
      powerHost: {
        host: host('BREAKGLASS_PVE_HOST', '192.168.1.127'),
        port: integer('BREAKGLASS_PVE_PORT', 22, 1, 65_535),
        user: user('BREAKGLASS_PVE_USER', 'root'),
      },
      verbTimeoutMs: integer('BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS', 120, 1, 3_600) * 1_000,
    },
    ssh: {
      keyPath: read('BREAKGLASS_KEY_PATH') ?? '/secrets/breakglass/private_key',
      authSock: read('SSH_AUTH_SOCK'),
    },
    agent: {
      name: agentName,
      dir: dir('BREAKGLASS_AGENTS_DIR', path.join(root, 'agents')),
      model,
      maxConcurrentTurns: integer('BREAKGLASS_MAX_CONCURRENT_TURNS', 2, 1, 64),
      turnTimeoutMs: integer('BREAKGLASS_TURN_TIMEOUT_SECONDS', 1_800, 1, 86_400) * 1_000,
      knowledgeDir: dir('BREAKGLASS_KNOWLEDGE_DIR', path.join(root, 'knowledge')),
      credentials,
    },
    policy: { mode: policy === 'ask' ? 'autonomous' : policy, askPending: policy === 'ask' },
    sessionsDir,
    dataDir: dir('BREAKGLASS_DATA_DIR', path.join(path.dirname(sessionsDir), 'data')),
    webDir: path.join(root, 'web', 'dist'),
    keepaliveMs: integer('BREAKGLASS_SSE_KEEPALIVE_SECONDS', 20, 1, 3_600) * 1_000,
    lab: readLab(read('BREAKGLASS_LAB')),
    searchPath: read('PATH') ?? '/usr/local/bin:/usr/bin:/bin',
    home: read('HOME') ?? '/root',
  };
}

/**
 * A whole address, or one with a prefix length. Short forms (10.0, 0/0) mean something else to every program that reads them,
 * and whoever is in the block is believed to be anybody.
 */
function isBlock(text: string): boolean {
  const [address = ''] = text.split('/');
  return isIP(address) !== 0 && (text.includes('/') ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text));
}

/** What TLS would refuse at the first connection is refused now. */
function checkTls(cert: string, key: string): void {
  const check = (name: string, file: string, use: (pem: Buffer) => SecureContextOptions): Buffer => {
    try {
      const pem = readFileSync(file);
      createSecureContext(use(pem));
      return pem;
    } catch (error) {
      throw new ConfigError(
        `${name}: ${JSON.stringify(file)} is not understood. Expected a PEM file for TLS, but: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
  };
  const certPem = check('BREAKGLASS_TLS_CERT', cert, (pem) => ({ cert: pem }));
  check('BREAKGLASS_TLS_KEY', key, (pem) => ({ key: pem, cert: certPem }));
}

function readLab(text: string | undefined): Config['lab'] {
  if (text === undefined) return null;
  const [scenario = '', title = '', brief = ''] = text.split('|');
  return { scenario, title, brief };
}
