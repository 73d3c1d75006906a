// The console on this machine: where it listens and how to come in, from the same variables that it was started with. So whoever may read
// its configuration needs neither an address nor a token.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { environmentFile, ownDir, readEnvironmentFile } from './environment-file.ts';
import type { Env } from './surroundings.ts';

export interface LocalConsole {
  readonly url: string;
  /** Undefined: none is configured, or it may not be read. */
  readonly token: string | undefined;
}

/** What is set in the environment counts before what the file says. */
export function localConsole(env: Env, file: string = environmentFile(env)): LocalConsole {
  const values: Env = { ...given(readEnvironmentFile(file) ?? {}), ...given(env) };
  return { url: urlOf(values), token: tokenOf(values, file) };
}

function urlOf(values: Env): string {
  const port = values['BREAKGLASS_PORT'] ?? '8080';
  // A certificate is for the name under which people come.
  if (values['BREAKGLASS_TLS_CERT'] !== undefined) {
    const [named] = (values['BREAKGLASS_PUBLIC_URL'] ?? '').split(',');
    return named?.trim() || `https://127.0.0.1:${port}`;
  }
  const bind = values['BREAKGLASS_BIND'] ?? '127.0.0.1';
  const host = ['0.0.0.0', '::', '[::]'].includes(bind) ? '127.0.0.1' : bind;
  return `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
}

/** The one that is configured, else the one that the console made for itself (`access-token` in its data directory). */
function tokenOf(values: Env, file: string): string | undefined {
  const given = values['API_BEARER_TOKEN'];
  if (given !== undefined) return given;
  const named = values['API_BEARER_TOKEN_FILE'];
  if (named !== undefined) return readToken(named);
  const sessions = values['BREAKGLASS_SESSIONS_DIR'];
  const dataDir =
    values['BREAKGLASS_DATA_DIR'] ??
    (sessions === undefined ? undefined : path.join(path.dirname(sessions), 'data'));
  const dataDirs =
    dataDir === undefined
      ? ['/workspace/data', path.join(ownDir(values, 'XDG_STATE_HOME', '.local/state'), 'data')]
      : [dataDir];
  return [
    path.join(path.dirname(file), 'secrets', 'API_BEARER_TOKEN'),
    ...dataDirs.map((dir) => path.join(dir, 'access-token')),
  ]
    .map(readToken)
    .find((token) => token !== undefined);
}

function readToken(file: string): string | undefined {
  try {
    const token = readFileSync(file, 'utf8').trim();
    return token === '' ? undefined : token;
  } catch {
    return undefined;
  }
}

/** An empty variable counts as none. */
const given = (env: Env): Env =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
