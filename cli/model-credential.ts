// Where `breakglass init` keeps the credential of the model, and what takes the place of one that is there. There is one at a time: of two
// Claude Code takes the API key (https://docs.claude.com/en/docs/claude-code/iam), also where the other one is what somebody has just given.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CliError, EXIT } from './failure.ts';

const NAMES = ['CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_API_KEY'] as const;
type Name = (typeof NAMES)[number];

/** The variable that a credential belongs to. */
const nameOf = (secret: string): Name =>
  secret.startsWith('sk-ant-oat') ? 'CLAUDE_CODE_OAUTH_TOKEN' : 'ANTHROPIC_API_KEY';

export function readSecret(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

export interface CredentialChange {
  /** The variables of what is replaced; none: there was no credential. */
  readonly replaced: readonly string[];
  /** Lines of the environment file; empty: it counts no more. */
  readonly settings: Readonly<Record<string, string>>;
  readonly write: readonly string[];
  readonly remove: readonly string[];
}

interface Place {
  readonly dir: string;
  readonly there: Readonly<Record<string, string>>;
  /** A service of root's gets its secrets by itself. */
  readonly isRoot: boolean;
}

/** Changes nothing yet. Undefined: exactly this one is there. Throws where the one that is there is kept in a file that is not ours. */
export function credentialChange(
  secret: string,
  { dir, there, isRoot }: Place,
): CredentialChange | undefined {
  const settings: Record<string, string> = {};
  const [write, remove, replaced]: [string[], string[], string[]] = [[], [], []];
  const own = (name: Name): string => path.join(dir, 'secrets', name);
  const wanted = nameOf(secret);
  for (const name of NAMES) {
    const [value, named] = [there[name], there[`${name}_FILE`]];
    const file = named ?? own(name);
    const isThere = value !== undefined || named !== undefined || existsSync(file);
    if (name === wanted && isThere && (value ?? readSecret(file)) === secret) continue;
    if (isThere) replaced.push(name);
    if (name === wanted) {
      if (value !== undefined) settings[name] = secret;
      else if (file !== own(name))
        throw new CliError(
          `The credential of the model is in ${file} (${name}_FILE): replace it there. Nothing was done.`,
          EXIT.usage,
        );
      else {
        write.push(file);
        if (!isRoot) settings[`${name}_FILE`] = file;
      }
    } else if (isThere) {
      if (value !== undefined) settings[name] = '';
      if (named !== undefined) settings[`${name}_FILE`] = '';
      if (existsSync(own(name))) remove.push(own(name));
    }
  }
  return replaced.length + write.length === 0 ? undefined : { replaced, settings, write, remove };
}

/** Whether there is one, whatever it is. */
export const hasCredential = ({ dir, there }: Pick<Place, 'dir' | 'there'>): boolean =>
  NAMES.some(
    (name) =>
      there[name] !== undefined ||
      there[`${name}_FILE`] !== undefined ||
      existsSync(path.join(dir, 'secrets', name)),
  );
