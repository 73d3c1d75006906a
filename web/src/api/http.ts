// One request to the console, and the one kind of error that it can end in.
import { takeEarly } from './early-answers.ts';

export interface ApiErrorBody {
  readonly code?: string;
  readonly detail?: string;
  readonly [key: string]: unknown;
}

/** `status` 0: there was no answer, so nobody knows what the server did. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: ApiErrorBody;
  constructor(status: number, message: string, body: ApiErrorBody = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.body = body;
  }
}

const readBody = async (response: Response): Promise<unknown> => {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

export const toApiError = async (response: Response): Promise<ApiError> => {
  const parsed = await readBody(response).catch(() => undefined);
  const body = typeof parsed === 'object' && parsed !== null ? (parsed as ApiErrorBody) : {};
  const words = typeof body.detail === 'string' ? body.detail : `The console answered ${response.status}.`;
  return new ApiError(response.status, words, body);
};

interface RequestOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly timeoutMs?: number;
  /** Called with the server's time of the answer, in whole seconds. */
  readonly onServerTime?: (nowMs: number) => void;
}

// Long enough for a slow 3G round trip, short enough that a dead link is noticed.
const DEFAULT_TIMEOUT_MS = 20_000;

/** @throws ApiError, and nothing else. `T` is what the server promises in `protocol/`; it is not checked here. */
export const request = async <T>(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  { body, headers = {}, timeoutMs = DEFAULT_TIMEOUT_MS, onServerTime }: RequestOptions = {},
): Promise<T> => {
  let response: Response;
  let ageMs = 0;
  try {
    const early = method === 'GET' ? await takeEarly(path) : undefined;
    ageMs = early?.ageMs ?? 0;
    response =
      early?.response ??
      (await fetch(path, {
        method,
        credentials: 'same-origin',
        cache: 'no-store',
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      }));
  } catch {
    throw new ApiError(0, 'The console does not answer.');
  }
  if (!response.ok) throw await toApiError(response);
  const serverTime = Date.parse(response.headers.get('date') ?? '');
  if (!Number.isNaN(serverTime)) onServerTime?.(serverTime + ageMs);
  return (await readBody(response).catch(() => {
    throw new ApiError(0, 'The answer of the console broke off.');
  })) as T;
};

export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError(0, error instanceof Error ? error.message : String(error));
