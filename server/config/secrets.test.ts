import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { readConfig, VARIABLES } from './config.ts';
import { SECRETS, withSecretFiles } from './secrets.ts';

/** What a log, a message and a process list may show. A variable that is new goes here, or among the secrets. */
const NO_SECRETS = [
  /^(PATH|HOME|SSH_AUTH_SOCK|NO_PROXY|NODE_EXTRA_CA_CERTS|ANTHROPIC_BASE_URL)$/,
  /^BREAKGLASS_(ENVIRONMENT|CONFIG|LAB|PORT|BIND|TLS_CERT|TLS_KEY|KEY_PATH|PUBLIC_URL|MODEL|POLICY)$/,
  /^BREAKGLASS_(METRICS_PORT|METRICS_BIND|SELF_TEST_HOURS)$/,
  /^BREAKGLASS_(TRUSTED_PROXIES|IDENTITY_HEADER|GROUPS_HEADER|OBSERVER_GROUP)$/,
  /^BREAKGLASS_JWT_(HEADER|JWKS_URL|ISSUER|AUDIENCE|CLAIM|GROUPS_CLAIM)$/,
  /^BREAKGLASS_(DEVVM|PVE)_(HOST|PORT|USER|OBSERVER_USER|VMID|VERB_TIMEOUT_SECONDS)$/,
  /^BREAKGLASS_(AGENT|AGENTS_DIR|KNOWLEDGE_DIR|AGENT_MEMORY_MB|AGENT_USER|AGENT_PROCESS_MB|MAX_AGENTS)$/,
  /^BREAKGLASS_(MAX_CONCURRENT_TURNS|TURN_TIMEOUT_SECONDS|SSE_KEEPALIVE_SECONDS|ALERTS_AGENT)$/,
  /^BREAKGLASS_(AUDIT_SYSLOG|AUDIT_SYSLOG_CA|PUSH_CONTACT|PUSH_LOCAL|NOTIFY_TURN_SECONDS)$/,
  /^BREAKGLASS_(KEEP_DAYS|KEEP_MB|SESSIONS_DIR|DATA_DIR)$/,
];

test('every variable is told apart: a secret, or not one', () => {
  const undecided = VARIABLES.filter(
    (name) =>
      (SECRETS as readonly string[]).includes(name) === NO_SECRETS.some((pattern) => pattern.test(name)),
  );
  expect(undecided).toEqual([]);
  expect(SECRETS.filter((name) => !VARIABLES.includes(name))).toEqual([]);
});

test.each(SECRETS)(
  '%s may come from a file; from both places it is refused, and the message has neither',
  (name) => {
    const file = path.join(tempDir(), 'secret');
    writeFileSync(file, 'https://from-a-file.example/1234567890abcdef\n');
    expect(withSecretFiles({ [`${name}_FILE`]: file })[name]).toBe(
      'https://from-a-file.example/1234567890abcdef',
    );
    const both = () => withSecretFiles({ [name]: 'https://given.example/', [`${name}_FILE`]: file });
    expect(both).toThrow(`${name} and ${name}_FILE are both set: set one of them.`);
    expect(() => withSecretFiles({ [`${name}_FILE`]: '/does/not/exist' })).toThrow(
      new RegExp(`^${name}_FILE: "/does/not/exist" cannot be read`),
    );
    writeFileSync(file, '\n');
    expect(() => withSecretFiles({ [`${name}_FILE`]: file })).toThrow(/is empty/);
  },
);

test.each(SECRETS)('no message about %s repeats its value', (name) => {
  const value = 'not-a-url\u0007hunter2';
  const said: string[] = [];
  try {
    readConfig({ API_BEARER_TOKEN: 'long-enough-0123456789', [name]: value });
  } catch (error) {
    said.push(String(error));
  }
  expect(said.join()).not.toContain('hunter2');
});
