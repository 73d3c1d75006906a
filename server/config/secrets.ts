// The variables that hold a secret. Each may come from a file instead, named by NAME_FILE, and no message repeats its value. That every
// variable is told apart, as one of these or as one that is no secret, is held by a test.
import { readFileSync } from 'node:fs';
import { ConfigError } from './fields.ts';

type Env = Readonly<Record<string, string | undefined>>;

export const SECRETS = [
  'API_BEARER_TOKEN',
  'ANTHROPIC_API_KEY',
  'CLAUDE_CODE_OAUTH_TOKEN',
  // Addresses of receivers and proxies are secrets where a password or a token is part of them.
  'BREAKGLASS_AUDIT_WEBHOOK',
  'BREAKGLASS_AUDIT_WEBHOOK_TOKEN',
  'BREAKGLASS_NTFY_URL',
  'BREAKGLASS_NTFY_TOKEN',
  'BREAKGLASS_NOTIFY_WEBHOOK',
  'BREAKGLASS_NOTIFY_WEBHOOK_SECRET',
  'HTTPS_PROXY',
] as const;

export const isSecret = (name: string): boolean => (SECRETS as readonly string[]).includes(name);

/** The two names under which a secret can be given; one name for everything else. */
export const namesOf = (name: string): readonly string[] => {
  const plain = name.replace(/_FILE$/, '');
  return isSecret(plain) ? [plain, `${plain}_FILE`] : [name];
};

/** The environment with the contents of the files in it. An empty variable counts as none. Throws a `ConfigError`. */
export function withSecretFiles(env: Env): Env {
  const given: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(env)) if (value !== '') given[name] = value;
  for (const name of SECRETS) {
    const file = given[`${name}_FILE`];
    if (file === undefined) continue;
    if (given[name] !== undefined)
      throw new ConfigError(`${name} and ${name}_FILE are both set: set one of them.`);
    try {
      given[name] = readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw new ConfigError(
        `${name}_FILE: ${JSON.stringify(file)} cannot be read: ${error instanceof Error ? error.message : String(error)}. Expected a file with the secret.`,
      );
    }
    if (given[name] === '')
      throw new ConfigError(
        `${name}_FILE: ${JSON.stringify(file)} is empty. Expected a file with the secret.`,
      );
  }
  return given;
}
