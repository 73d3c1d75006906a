// How the command talks to a console: by its address and a token, over the same routes as the page.
import { readFileSync } from 'node:fs';
import type { Problem } from '../protocol/problems.ts';
import { CliError, EXIT } from './failure.ts';

export interface ConsoleAddress {
  readonly url: string;
  readonly token: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const DEFAULT_URL = 'http://127.0.0.1:8080';
/** Above the console's own patience for a list (2 s), below a person's. */
const LIMIT_MS = 15_000;

/** From the options or else from the environment. The token is never on the command line, where everybody can read it. */
export function consoleAddress(
  { url, tokenFile }: { readonly url?: string | undefined; readonly tokenFile?: string | undefined },
  env: Env,
): ConsoleAddress {
  const address = url ?? env['BREAKGLASS_URL'] ?? DEFAULT_URL;
  if (!/^https?:$/.test(URL.parse(address)?.protocol ?? ''))
    throw new CliError(
      `${JSON.stringify(address)} is not the address of a console. Expected http:// or https://, e.g. ${DEFAULT_URL}.`,
      EXIT.usage,
    );
  const file = tokenFile ?? env['BREAKGLASS_TOKEN_FILE'] ?? env['API_BEARER_TOKEN_FILE'];
  const token = env['BREAKGLASS_TOKEN'] ?? (file === undefined ? env['API_BEARER_TOKEN'] : readToken(file));
  return { url: address.replace(/\/+$/, ''), token };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CliError(
      `The token file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      EXIT.usage,
    );
  }
}

/** The JSON of the answer. Throws a CliError with the sentence of the console, or with the reason why it could not be asked. */
export const get = <T>(address: ConsoleAddress, path: string): Promise<T> => ask<T>(address, 'GET', path);

/** Undefined where the answer has no body. Throws as `get`. */
export async function ask<T>(
  { url, token }: ConsoleAddress,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(url + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(LIMIT_MS),
      redirect: 'error',
    });
  } catch (error) {
    throw new CliError(`The console at ${url} cannot be reached: ${reasonOf(error)}.`);
  }
  const text = await answer.text();
  if (answer.ok) return answer.status === 204 ? (undefined as T) : parse<T>(text, url);
  const problem = problemOf(text);
  if (answer.status === 401)
    throw new CliError(
      `The console at ${url} does not know you: set BREAKGLASS_TOKEN, or BREAKGLASS_TOKEN_FILE.`,
      EXIT.unauthenticated,
    );
  const exit = answer.status === 422 || answer.status === 400 ? EXIT.usage : undefined;
  throw new CliError(problem?.detail ?? `The console at ${url} answered ${answer.status}.`, exit);
}

function parse<T>(body: string, url: string): T {
  try {
    return JSON.parse(body) as T;
  } catch {
    throw new CliError(`What answers at ${url} is not a Breakglass console.`);
  }
}

function problemOf(body: string): Pick<Problem, 'detail'> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    const detail: unknown =
      typeof value === 'object' && value !== null ? Reflect.get(value, 'detail') : undefined;
    return typeof detail === 'string' ? { detail } : undefined;
  } catch {
    return undefined;
  }
}

/** Node says only "fetch failed"; the cause says why. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${LIMIT_MS / 1_000} s`;
  const { cause } = error;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (cause instanceof Error) return cause.message || String(code);
  return error.message;
}
