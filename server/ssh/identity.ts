// The one key that a target offers. A host may decide by the key which VM a verb reaches, so no other key of an ssh-agent may be tried.
// It is looked up again and again, because a key may be mounted, or an agent filled, after the server has started.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { isKeyFile } from './key-file.ts';

export type Identity =
  /** The file of a private key, or of the public key of one that the agent holds. */
  | { readonly type: 'file'; readonly file: string }
  /** No key can be offered. `why` is a sentence that says the reason and what to do. */
  | { readonly type: 'none'; readonly why: string };

export interface IdentityParts {
  readonly keyPath: string;
  readonly authSock: string | undefined;
  /** Where the public key of the agent's only key may be written; undefined when there is no place. */
  readonly dir: string | undefined;
  readonly searchPath: string;
}

/** For how long one look at the agent is enough. */
const KEPT_MS = 10_000;
const AGENT_LIMIT_MS = 2_000;

export function createIdentity(parts: IdentityParts): () => Promise<Identity> {
  let kept: { readonly found: Promise<Identity>; readonly at: number } | undefined;
  return () => {
    if (isKeyFile(parts.keyPath)) return Promise.resolve({ type: 'file', file: parts.keyPath });
    if (kept === undefined || performance.now() - kept.at > KEPT_MS)
      kept = { found: fromAgent(parts), at: performance.now() };
    return kept.found;
  };
}

async function fromAgent({ keyPath, authSock, dir, searchPath }: IdentityParts): Promise<Identity> {
  if (authSock === undefined) return none(`No SSH key at ${keyPath}, and no ssh-agent.`);
  const listed = await execa('ssh-add', ['-L'], {
    env: { PATH: searchPath, SSH_AUTH_SOCK: authSock, LC_ALL: 'C' },
    extendEnv: false,
    reject: false,
    timeout: AGENT_LIMIT_MS,
    stdin: 'ignore',
  });
  const keys = (listed.stdout ?? '').split('\n').filter((line) => /^(?:ssh|ecdsa|sk)-\S+ \S/.test(line));
  const [only] = keys;
  if (only === undefined) return none(`No SSH key at ${keyPath}, and the ssh-agent holds none.`);
  if (keys.length > 1)
    return none(
      `No SSH key at ${keyPath}, and the ssh-agent holds ${keys.length}: only one may be offered. Put the public key of the right one there.`,
    );
  const file = dir === undefined ? undefined : path.join(dir, 'agent-key.pub');
  if (file === undefined)
    return none(
      `No SSH key at ${keyPath}, and no directory to write down which key of the ssh-agent to offer.`,
    );
  try {
    await writeFile(file, `${only}\n`, { mode: 0o600 });
  } catch (error) {
    return none(
      `No SSH key at ${keyPath}, and which key of the ssh-agent to offer cannot be written down (${error instanceof Error ? error.message : String(error)}).`,
    );
  }
  return { type: 'file', file };
}

const none = (why: string): Identity => ({ type: 'none', why });
