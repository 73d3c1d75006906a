// The only reader of process.env and of what completes it. A value that is not understood stops the start with a message: its name, the value, what was expected.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { z } from 'zod';
import type { PolicyMode } from '../../protocol/approvals.ts';
import { parseTargetName } from '../../protocol/ids.ts';
import { type AuditConfig, readAudit } from './audit.ts';
import { type EnvironmentFile, withEnvironmentFile } from './environment-file.ts';
import {
  ConfigError,
  host,
  isBlock,
  notUnderstood,
  policyMode,
  secretNotUnderstood,
  user,
  vmid,
  wholeNumber,
  word,
} from './fields.ts';
import {
  headerName,
  identityHeaderOf,
  type ObserverGroupConfig,
  readObservers,
  readSigned,
  type SignedIdentityConfig,
} from './identity-headers.ts';
import { type NotifyConfig, readNotify } from './notify.ts';
import { packageRoot } from './package-root.ts';
import { placesOf, type System, thisSystem } from './places.ts';
import { isBelowProc } from './proc-place.ts';
import { isSecret, withSecretFiles } from './secrets.ts';
import { readTargetsFile, type TargetsConfig } from './targets.ts';

/** A user of this machine. */
interface AgentUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** False where it was only found under its usual name. */
  readonly asked: boolean;
}

export interface Config {
  readonly port: number;
  readonly bind: string;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly access: {
    readonly bearerToken: string | undefined;
    /** This console made it: nobody has been told. */
    readonly isOwnToken: boolean;
    /** CIDR blocks whose identity header is believed. */
    readonly trustedProxies: readonly string[];
    /** The header with the user's name, in lower case. */
    readonly identityHeader: string;
    /** What the edge signs; undefined: that header names people. */
    readonly signed: SignedIdentityConfig | undefined;
    readonly observers: ObserverGroupConfig | undefined;
    /** Under which origins people reach us, the first for links. None: under any name. */
    readonly publicUrls: readonly string[];
  };
  readonly targets: TargetsConfig;
  /** How long the fixed verb route waits, in milliseconds. */
  readonly verbTimeoutMs: number;
  readonly authSock: string | undefined;
  readonly agent: {
    readonly name: string;
    readonly dir: string;
    readonly model: string;
    readonly maxConcurrentTurns: number;
    /** What live agents may hold beside the server; above that, idle ones are parked. */
    readonly memoryMb: number;
    /** How many agent processes may live at once. */
    readonly maxProcesses: number;
    /** What one of them may hold before it is ended. */
    readonly processLimitMb: number;
    /** Whom its processes belong to, where that is not the console's own user. */
    readonly user: AgentUser | undefined;
    readonly turnTimeoutMs: number;
    readonly knowledgeDir: string;
    /** What the model API needs, exactly as it goes into the agent's environment. */
    readonly credentials: Readonly<Record<string, string>>;
  };
  /** What the agent may do, where a target or a session says nothing else. */
  readonly policy: PolicyMode;
  readonly alerts: {
    /** Whether the agent looks at what an alert is about. It never does more. */
    readonly agentLooks: boolean;
  };
  readonly audit: AuditConfig;
  readonly notify: NotifyConfig;
  /** Where Prometheus scrapes; undefined: nowhere. */
  readonly metrics: MetricsConfig | undefined;
  readonly keep: KeepConfig;
  /** Between two examinations of doctor that nobody asked for; undefined: there are none. */
  readonly selfTestHours: number | undefined;
  /** What the environment was completed from; undefined: there is no such file. */
  readonly environmentFile: EnvironmentFile | undefined;
  readonly sessionsDir: string;
  readonly dataDir: string;
  readonly webDir: string;
  readonly keepaliveMs: number;
  /** Not null when the targets are not real: what the banner says. Only the lab sets it, when it starts a server. */
  readonly lab: { readonly scenario: string; readonly title: string; readonly brief: string } | null;
  readonly searchPath: string;
  readonly home: string;
}

/** What is older or more than this is deleted; undefined: nothing is. */
export interface KeepConfig {
  readonly days: number | undefined;
  readonly megabytes: number | undefined;
}

export interface MetricsConfig {
  readonly port: number;
  readonly bind: string;
}

type Env = Readonly<Record<string, string | undefined>>;

const Variables = z.object({
  BREAKGLASS_ENVIRONMENT: z.string().optional(),
  BREAKGLASS_PORT: wholeNumber(0, 65_535).default(8080),
  BREAKGLASS_BIND: word(/^[A-Za-z0-9.:_-]+$/, 'an address to listen on, e.g. 127.0.0.1 or 0.0.0.0').default(
    '127.0.0.1',
  ),
  BREAKGLASS_METRICS_PORT: wholeNumber(1, 65_535).optional(),
  BREAKGLASS_METRICS_BIND: word(
    /^[A-Za-z0-9.:_-]+$/,
    'an address to listen on, e.g. 127.0.0.1 or 0.0.0.0',
  ).default('127.0.0.1'),
  BREAKGLASS_TLS_CERT: z.string().optional(),
  BREAKGLASS_TLS_KEY: z.string().optional(),
  API_BEARER_TOKEN: z.string().optional(),
  BREAKGLASS_TRUSTED_PROXIES: z.string().default(''),
  BREAKGLASS_IDENTITY_HEADER: headerName('Remote-User').default('X-authentik-username'),
  BREAKGLASS_JWT_HEADER: headerName('X-authentik-jwt').optional(),
  BREAKGLASS_JWT_JWKS_URL: z.string().optional(),
  BREAKGLASS_JWT_ISSUER: z.string().optional(),
  BREAKGLASS_JWT_AUDIENCE: z.string().optional(),
  BREAKGLASS_JWT_CLAIM: z.string().optional(),
  BREAKGLASS_GROUPS_HEADER: headerName('X-authentik-groups').optional(),
  BREAKGLASS_JWT_GROUPS_CLAIM: z.string().min(1, { error: 'the name of a claim, such as groups' }).optional(),
  BREAKGLASS_OBSERVER_GROUP: z.string().optional(),
  BREAKGLASS_PUBLIC_URL: z.string().default(''),
  BREAKGLASS_CONFIG: z.string().optional(),
  BREAKGLASS_DEVVM_HOST: host.optional(),
  BREAKGLASS_DEVVM_PORT: wholeNumber(1, 65_535).default(22),
  BREAKGLASS_DEVVM_USER: user.default('breakglass'),
  BREAKGLASS_DEVVM_OBSERVER_USER: user.optional(),
  BREAKGLASS_PVE_HOST: host.optional(),
  BREAKGLASS_PVE_PORT: wholeNumber(1, 65_535).default(22),
  BREAKGLASS_PVE_USER: user.default('root'),
  BREAKGLASS_PVE_VMID: z
    .string()
    .regex(/^\d+$/, { error: 'the number of a VM, such as 102' })
    .transform(Number)
    .pipe(vmid)
    .optional(),
  BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS: wholeNumber(1, 3_600).default(120),
  BREAKGLASS_KEY_PATH: z.string().optional(),
  SSH_AUTH_SOCK: z.string().optional(),
  BREAKGLASS_AGENT: word(/^[a-z0-9][a-z0-9-]{0,63}$/, 'the name of a file agents/<name>.md').default(
    'breakglass',
  ),
  BREAKGLASS_AGENTS_DIR: z.string().default(path.join(packageRoot, 'agents')),
  BREAKGLASS_KNOWLEDGE_DIR: z.string().default(path.join(packageRoot, 'knowledge')),
  BREAKGLASS_MODEL: word(/^[A-Za-z0-9][A-Za-z0-9.:_@/[\]-]{0,99}$/, 'a model name such as sonnet').default(
    'sonnet',
  ),
  BREAKGLASS_MAX_CONCURRENT_TURNS: wholeNumber(1, 64).default(2),
  BREAKGLASS_AGENT_MEMORY_MB: wholeNumber(1, 1_000_000).default(512),
  BREAKGLASS_AGENT_USER: user.optional(),
  BREAKGLASS_MAX_AGENTS: wholeNumber(1, 256).optional(),
  BREAKGLASS_AGENT_PROCESS_MB: wholeNumber(300, 1_000_000).default(1_024),
  BREAKGLASS_TURN_TIMEOUT_SECONDS: wholeNumber(1, 86_400).default(1_800),
  BREAKGLASS_POLICY: policyMode.default('ask'),
  BREAKGLASS_ALERTS_AGENT: z.enum(['off', 'look'], { error: 'off or look' }).default('off'),
  BREAKGLASS_AUDIT_SYSLOG: z.string().optional(),
  BREAKGLASS_AUDIT_SYSLOG_CA: z.string().optional(),
  BREAKGLASS_AUDIT_WEBHOOK: z.string().optional(),
  BREAKGLASS_AUDIT_WEBHOOK_TOKEN: z.string().optional(),
  BREAKGLASS_PUSH_CONTACT: z.string().optional(),
  BREAKGLASS_PUSH_LOCAL: z.string().optional(),
  BREAKGLASS_NTFY_URL: z.string().optional(),
  BREAKGLASS_NTFY_TOKEN: z.string().optional(),
  BREAKGLASS_NOTIFY_WEBHOOK: z.string().optional(),
  BREAKGLASS_NOTIFY_WEBHOOK_SECRET: z.string().optional(),
  BREAKGLASS_NOTIFY_TURN_SECONDS: wholeNumber(0, 86_400).default(60),
  BREAKGLASS_KEEP_DAYS: wholeNumber(1, 36_500).optional(),
  BREAKGLASS_KEEP_MB: wholeNumber(1, 10_000_000).optional(),
  BREAKGLASS_SELF_TEST_HOURS: wholeNumber(0, 8_760).default(24),
  BREAKGLASS_SESSIONS_DIR: z.string().optional(),
  BREAKGLASS_DATA_DIR: z.string().optional(),
  BREAKGLASS_SSE_KEEPALIVE_SECONDS: wholeNumber(1, 3_600).default(20),
  BREAKGLASS_LAB: z.string().optional(),
  ANTHROPIC_API_KEY: z.string().optional(),
  CLAUDE_CODE_OAUTH_TOKEN: z.string().optional(),
  ANTHROPIC_BASE_URL: z
    .string()
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), {
      error: 'a URL with http:// or https://',
    })
    .optional(),
  // These are not secrets. But some deployments cannot reach the model without their proxy or their own certificate authority.
  HTTPS_PROXY: z.string().optional(),
  NO_PROXY: z.string().optional(),
  NODE_EXTRA_CA_CERTS: z.string().optional(),
  PATH: z.string().default('/usr/local/bin:/usr/bin:/bin'),
  HOME: z.string().default('/root'),
});
type Variables = z.output<typeof Variables>;

export const VARIABLES: readonly string[] = Object.keys(Variables.shape);

const CREDENTIALS = [
  'ANTHROPIC_API_KEY',
  'CLAUDE_CODE_OAUTH_TOKEN',
  'ANTHROPIC_BASE_URL',
  'HTTPS_PROXY',
  'NO_PROXY',
  'NODE_EXTRA_CA_CERTS',
] as const satisfies readonly (keyof Variables)[];

/**
 * The environment, completed by the environment file.
 * @param ownToken the token that this console made for itself, where none is configured; undefined: there is none
 */
export function readConfig(
  env: Env = process.env,
  ownToken: (dataDir: string) => string | undefined = () => undefined,
  system: System = thisSystem,
): Config {
  const completed = withEnvironmentFile(env, placesOf(env, system).environmentFile);
  const given = withSecretFiles(completed.env);
  const parsed = Variables.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]);
    const expected = issue?.message ?? 'something else';
    throw isSecret(name)
      ? secretNotUnderstood(name, expected)
      : notUnderstood(name, given[name] ?? null, expected);
  }
  const places = placesOf(given, system);
  const read = { ...parsed.data, BREAKGLASS_KEY_PATH: parsed.data.BREAKGLASS_KEY_PATH ?? places.keyPath };
  const sessionsDir = path.resolve(read.BREAKGLASS_SESSIONS_DIR ?? places.sessionsDir);
  const dataDir = path.resolve(read.BREAKGLASS_DATA_DIR ?? path.join(path.dirname(sessionsDir), 'data'));
  if (isBelowProc(dataDir))
    throw notUnderstood(
      read.BREAKGLASS_DATA_DIR === undefined ? 'BREAKGLASS_SESSIONS_DIR' : 'BREAKGLASS_DATA_DIR',
      read.BREAKGLASS_DATA_DIR ?? sessionsDir,
      'a place where directories can be made, and not one below /proc',
    );
  const access = readAccess(read, () => ownToken(dataDir));
  return {
    port: read.BREAKGLASS_PORT,
    bind: read.BREAKGLASS_BIND,
    tls: readTls(read),
    access,
    targets: readTargets(read, given),
    verbTimeoutMs: read.BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS * 1_000,
    authSock: read.SSH_AUTH_SOCK,
    agent: {
      name: read.BREAKGLASS_AGENT,
      dir: path.resolve(read.BREAKGLASS_AGENTS_DIR),
      model: read.BREAKGLASS_MODEL,
      maxConcurrentTurns: read.BREAKGLASS_MAX_CONCURRENT_TURNS,
      memoryMb: read.BREAKGLASS_AGENT_MEMORY_MB,
      // The turns that may run and one more, whose session waits for its next prompt; or what the memory allows at 200 MB each.
      maxProcesses:
        read.BREAKGLASS_MAX_AGENTS ??
        Math.max(read.BREAKGLASS_MAX_CONCURRENT_TURNS + 1, Math.floor(read.BREAKGLASS_AGENT_MEMORY_MB / 200)),
      processLimitMb: read.BREAKGLASS_AGENT_PROCESS_MB,
      user: readAgentUser(read.BREAKGLASS_AGENT_USER),
      turnTimeoutMs: read.BREAKGLASS_TURN_TIMEOUT_SECONDS * 1_000,
      knowledgeDir: path.resolve(read.BREAKGLASS_KNOWLEDGE_DIR),
      credentials: Object.fromEntries(
        CREDENTIALS.flatMap((name) => (read[name] === undefined ? [] : [[name, read[name]]])),
      ),
    },
    policy: read.BREAKGLASS_POLICY,
    alerts: { agentLooks: read.BREAKGLASS_ALERTS_AGENT === 'look' },
    audit: readAudit(read),
    notify: readNotify(read, access.publicUrls[0]),
    metrics: readMetrics(read),
    keep: { days: read.BREAKGLASS_KEEP_DAYS, megabytes: read.BREAKGLASS_KEEP_MB },
    // In the lab nothing outside is real, and what is broken there is broken on purpose.
    selfTestHours:
      read.BREAKGLASS_SELF_TEST_HOURS === 0 || read.BREAKGLASS_LAB !== undefined
        ? undefined
        : read.BREAKGLASS_SELF_TEST_HOURS,
    environmentFile: completed.file,
    sessionsDir,
    dataDir,
    webDir: path.join(packageRoot, 'web', 'dist'),
    keepaliveMs: read.BREAKGLASS_SSE_KEEPALIVE_SECONDS * 1_000,
    lab: readLab(read.BREAKGLASS_LAB),
    searchPath: read.PATH,
    home: read.HOME,
  };
}

/** The user with that name, or the one with the usual name where there is one. */
function readAgentUser(name: string | undefined): AgentUser | undefined {
  const wanted = name ?? 'breakglass-agent';
  let users = '';
  try {
    users = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A system without users has none of that name.
  }
  const fields = users
    .split('\n')
    .map((line) => line.split(':'))
    .find(([each]) => each === wanted);
  if (fields !== undefined)
    return { name: wanted, uid: Number(fields[2]), gid: Number(fields[3]), asked: name !== undefined };
  if (name === undefined) return undefined;
  throw notUnderstood('BREAKGLASS_AGENT_USER', name, 'a user of this machine (useradd --system makes one)');
}

function readAccess(read: Variables, ownToken: () => string | undefined): Config['access'] {
  const trustedProxies = listOf(read.BREAKGLASS_TRUSTED_PROXIES);
  for (const cidr of trustedProxies) {
    if (!isBlock(cidr))
      throw notUnderstood(
        'BREAKGLASS_TRUSTED_PROXIES',
        cidr,
        'a comma-separated list of CIDR blocks, e.g. 10.42.0.0/16 (an IPv4 address as such, without ::ffff:)',
      );
  }
  const publicUrls = listOf(read.BREAKGLASS_PUBLIC_URL).map((text) => {
    const origin = originOf(text);
    if (origin === undefined)
      throw notUnderstood(
        'BREAKGLASS_PUBLIC_URL',
        text,
        'where people open the console, without a path, e.g. https://breakglass.example (several: a comma-separated list)',
      );
    return origin;
  });
  const identityHeader = identityHeaderOf(
    'BREAKGLASS_IDENTITY_HEADER',
    read.BREAKGLASS_IDENTITY_HEADER,
    'Remote-User',
  );
  const signed = readSigned(read, identityHeader);
  if (signed !== undefined && trustedProxies.length === 0)
    throw new ConfigError(
      'BREAKGLASS_JWT_HEADER is set without BREAKGLASS_TRUSTED_PROXIES: a signed identity is believed only from a trusted proxy. Set the CIDR blocks of the proxy that sends it.',
    );
  const observers = readObservers(read, identityHeader, signed);
  if (observers !== undefined && trustedProxies.length === 0)
    throw new ConfigError(
      'BREAKGLASS_OBSERVER_GROUP is set without BREAKGLASS_TRUSTED_PROXIES: groups are believed only from a trusted proxy. Set the CIDR blocks of the proxy that sends them.',
    );
  const edge = { trustedProxies, identityHeader, signed, observers, publicUrls };
  const bearerToken = read.API_BEARER_TOKEN;
  if (bearerToken !== undefined && bearerToken.length < 16)
    throw new ConfigError(
      'API_BEARER_TOKEN: the value is too short to be safe. Expected at least 16 characters, e.g. from: openssl rand -hex 32',
    );
  if (bearerToken === undefined && trustedProxies.length === 0) {
    const own = ownToken();
    if (own !== undefined) return { bearerToken: own, isOwnToken: true, ...edge };
    throw new ConfigError(
      'No way to authenticate is configured, so nobody could be let in safely. Set API_BEARER_TOKEN (a long random string), or BREAKGLASS_TRUSTED_PROXIES (CIDR blocks of a proxy that sets X-authentik-username), or both. Started at a terminal, the console makes a token of its own.',
    );
  }
  return { bearerToken, isOwnToken: false, ...edge };
}

const listOf = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** Undefined for anything with a path, a user or another scheme. */
function originOf(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  return url.href === `${url.origin}/` ? url.origin : undefined;
}

/** The targets of the file, or the one that the environment describes. */
function readTargets(read: Variables & { readonly BREAKGLASS_KEY_PATH: string }, given: Env): TargetsConfig {
  const keyPath = read.BREAKGLASS_KEY_PATH;
  const file = read.BREAKGLASS_CONFIG;
  if (file !== undefined) {
    for (const name of ['BREAKGLASS_DEVVM_HOST', 'BREAKGLASS_PVE_HOST', 'BREAKGLASS_PVE_VMID'])
      if (given[name] !== undefined)
        throw new ConfigError(
          `${name} is set beside BREAKGLASS_CONFIG, which describes all targets: write it there (${file}) and unset it here.`,
        );
    const defaults = {
      vmUser: read.BREAKGLASS_DEVVM_USER,
      powerUser: read.BREAKGLASS_PVE_USER,
      keyPath,
    };
    return readTargetsFile(file, defaults);
  }
  const name = parseTargetName('devvm');
  if (name === undefined) throw new Error('unreachable: the default target name is valid');
  const target = {
    name,
    title: undefined,
    vm: {
      host: read.BREAKGLASS_DEVVM_HOST ?? '10.0.10.10',
      port: read.BREAKGLASS_DEVVM_PORT,
      user: read.BREAKGLASS_DEVVM_USER,
    },
    observerUser: read.BREAKGLASS_DEVVM_OBSERVER_USER,
    vmKeyPath: keyPath,
    powerHost: {
      host: read.BREAKGLASS_PVE_HOST ?? '192.168.1.127',
      port: read.BREAKGLASS_PVE_PORT,
      user: read.BREAKGLASS_PVE_USER,
    },
    powerKeyPath: keyPath,
    vmid: read.BREAKGLASS_PVE_VMID,
    policy: undefined,
    alerts: [],
  };
  return { default: name, all: [target] };
}

/** The metrics must never take the port that people come to. */
function readMetrics(read: Variables): MetricsConfig | undefined {
  const { BREAKGLASS_METRICS_PORT: port, BREAKGLASS_METRICS_BIND: bind } = read;
  if (port === undefined) return undefined;
  if (port === read.BREAKGLASS_PORT)
    throw notUnderstood(
      'BREAKGLASS_METRICS_PORT',
      port,
      'another port than that of the console (BREAKGLASS_PORT), e.g. 9464',
    );
  return { port, bind };
}

function readTls({ BREAKGLASS_TLS_CERT: cert, BREAKGLASS_TLS_KEY: key }: Variables): Config['tls'] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw new ConfigError('BREAKGLASS_TLS_CERT and BREAKGLASS_TLS_KEY go together: set both or neither.');
  const check = (name: string, file: string, use: (pem: Buffer) => SecureContextOptions): Buffer => {
    if (!existsSync(file)) throw notUnderstood(name, file, 'the path of a PEM file that exists');
    try {
      const pem = readFileSync(file);
      // Refuse now what TLS would refuse at the first connection.
      createSecureContext(use(pem));
      return pem;
    } catch (error) {
      throw notUnderstood(
        name,
        file,
        `a PEM file for TLS, but: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };
  const certPem = check('BREAKGLASS_TLS_CERT', cert, (pem) => ({ cert: pem }));
  check('BREAKGLASS_TLS_KEY', key, (pem) => ({ key: pem, cert: certPem }));
  return { cert, key };
}

function readLab(text: string | undefined): Config['lab'] {
  if (text === undefined) return null;
  const [scenario = '', title = '', brief = ''] = text.split('|');
  return { scenario, title, brief };
}
