// How the command talks to a console: by its address and a token, over the same routes as the page.
import { readFileSync } from 'node:fs';
import { CliError, ConsoleRefusal, EXIT, NoAnswer } from './failure.ts';
import { localConsole } from './local-configuration.ts';
import type { Env, Print } from './surroundings.ts';

export interface ConsoleAddress {
  readonly url: string;
  readonly token: string | undefined;
}

/** Above the console's own patience for a list (2 s), below a person's. */
const LIMIT_MS = 15_000;

/**
 * From the options, else from the environment, else from the configuration of the console on this machine. The token is never on the
 * command line, where everybody can read it, and one that was found on this machine is never sent to another.
 */
export function consoleAddress(
  { url, tokenFile }: { readonly url?: string | undefined; readonly tokenFile?: string | undefined },
  env: Env,
  talk: Print,
): ConsoleAddress {
  const named = url ?? of(env, 'BREAKGLASS_URL');
  const parsed = named === undefined ? undefined : URL.parse(named);
  if (parsed !== undefined && parsed !== null && `${parsed.username}${parsed.password}` !== '')
    throw new CliError(
      'The address of the console holds a name or a password. Expected it without them.',
      EXIT.usage,
    );
  if (parsed !== undefined && !/^https?:$/.test(parsed?.protocol ?? ''))
    throw new CliError(
      `${JSON.stringify(named)} is not the address of a console. Expected http:// or https://, e.g. http://127.0.0.1:8080.`,
      EXIT.usage,
    );
  const given = tokenFile === undefined ? tokenOf(env) : readToken(tokenFile);
  if (named !== undefined) {
    const address = named.replace(/\/+$/, '');
    // No refusal: at night the way that is there is the one to take.
    if (given !== undefined && parsed?.protocol === 'http:' && !isLoopback(parsed.hostname))
      talk(`warning: ${address} is not encrypted: whoever is on the way can read the token.`);
    return { url: address, token: given };
  }
  const here = localConsole(env);
  const token = given ?? here.token;
  return {
    url: here.url,
    token: token === undefined ? undefined : plain(token, 'The access token of this machine'),
  };
}

/** @param hostname as a URL has it: numbers are written out, IPv6 stands in brackets */
const isLoopback = (hostname: string): boolean =>
  /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]' || /^(.+\.)?localhost$/.test(hostname);

/** An empty variable counts as none. */
const of = (env: Env, name: string): string | undefined => env[name] || undefined;

function tokenOf(env: Env): string | undefined {
  for (const name of ['BREAKGLASS_TOKEN', 'API_BEARER_TOKEN']) {
    const [value, file] = [of(env, name), of(env, `${name}_FILE`)];
    if (value !== undefined && file !== undefined)
      throw new CliError(`${name} and ${name}_FILE are both set: set one of them.`, EXIT.usage);
    if (value !== undefined) return plain(value, name);
    if (file !== undefined) return readToken(file);
  }
  return undefined;
}

/** What no header can carry is refused here: fetch would repeat it in its message. */
function plain(token: string, where: string): string {
  if (/^[\x21-\x7E]+$/.test(token)) return token;
  throw new CliError(`${where} is not understood. Expected the access token alone, as one word.`, EXIT.usage);
}

function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CliError(
      `The token file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      EXIT.usage,
    );
  }
  return plain(text, `The token file ${file}`);
}

type Method = 'GET' | 'POST' | 'DELETE';

export interface Asking {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the beginning of an answer may take. */
  readonly limitMs?: number;
  /** Ends the request, and whatever is read of its answer. */
  readonly signal?: AbortSignal;
}

/** The JSON of the answer. Throws as `request`. */
export const get = <T>(address: ConsoleAddress, path: string, asking: Asking = {}): Promise<T> =>
  ask<T>(address, 'GET', path, undefined, asking);

/** Undefined where the answer has no body. Throws as `request`. */
export async function ask<T>(
  address: ConsoleAddress,
  method: Method,
  path: string,
  body?: unknown,
  asking: Asking = {},
): Promise<T> {
  const answer = await request(address, method, path, { body, ...asking });
  return answer.status === 204 ? (undefined as T) : parse<T>(await textOf(answer, address), address.url);
}

/** The text of the answer. Throws as `request`. */
export async function getText(address: ConsoleAddress, path: string): Promise<string> {
  return textOf(await request(address, 'GET', path, { headers: { accept: '*/*' } }), address);
}

/** An answer whose body is not read yet. Throws `ConsoleRefusal` with the sentence of the console, `NoAnswer` with the reason why there is none. */
export async function request(
  { url, token }: ConsoleAddress,
  method: Method,
  path: string,
  { body, headers = {}, limitMs = LIMIT_MS, signal }: Asking = {},
): Promise<Response> {
  const patience = new AbortController();
  const timer = setTimeout(
    () => patience.abort(new DOMException(`no answer within ${limitMs / 1_000} s`, 'TimeoutError')),
    limitMs,
  );
  let answer: Response;
  try {
    answer = await fetch(url + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]),
      redirect: 'error',
    });
  } catch (error) {
    throw new NoAnswer(`The console at ${url} cannot be reached: ${reasonOf(error)}.`);
  } finally {
    clearTimeout(timer);
  }
  if (answer.ok) return answer;
  const problem = objectOf(await textOf(answer, { url }));
  if (answer.status === 401)
    throw new ConsoleRefusal(
      `The console at ${url} does not know you: set BREAKGLASS_TOKEN, or BREAKGLASS_TOKEN_FILE.`,
      EXIT.unauthenticated,
      problem,
    );
  const exit = answer.status === 422 || answer.status === 400 ? EXIT.usage : EXIT.failed;
  const { detail } = problem;
  throw new ConsoleRefusal(
    typeof detail === 'string' ? detail : `The console at ${url} answered ${answer.status}.`,
    exit,
    problem,
  );
}

async function textOf(answer: Response, { url }: { readonly url: string }): Promise<string> {
  try {
    return await answer.text();
  } catch (error) {
    throw new NoAnswer(`The answer of the console at ${url} broke off: ${reasonOf(error)}.`);
  }
}

function parse<T>(body: string, url: string): T {
  try {
    return JSON.parse(body) as T;
  } catch {
    throw new CliError(`What answers at ${url} is not a Breakglass console.`);
  }
}

function objectOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** Node says only "fetch failed"; the cause says why. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  if (code === 'ECONNREFUSED') return 'nothing listens there';
  if (cause instanceof Error) return cause.message || String(code);
  return error.message;
}
