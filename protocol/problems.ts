// Every error that a client can get: a stable code for programs, a status, a title. `detail` is a sentence for a person.
// RFC 9457 (application/problem+json).

export const PROBLEMS = {
  unauthenticated: { status: 401, title: 'Not signed in' },
  'share-over': { status: 401, title: 'The share link has ended' },
  'not-allowed': { status: 403, title: 'Not allowed' },
  'unknown-host': { status: 421, title: 'Unknown name of this console' },
  'cross-site': { status: 403, title: 'Request from another site' },
  'not-found': { status: 404, title: 'Not found' },
  'unknown-session': { status: 404, title: 'Unknown session' },
  'unknown-operation': { status: 404, title: 'Unknown operation' },
  'unknown-evidence': { status: 404, title: 'Unknown evidence' },
  'unknown-target': { status: 404, title: 'Unknown target' },
  'unknown-device': { status: 404, title: 'Unknown device' },
  'unknown-token': { status: 404, title: 'Unknown token' },
  'unknown-share': { status: 404, title: 'Unknown share link' },
  'unknown-passkey': { status: 404, title: 'Unknown passkey' },
  'unknown-approval': { status: 404, title: 'Unknown approval' },
  'unknown-grant': { status: 404, title: 'Unknown grant' },
  'unknown-incident': { status: 404, title: 'Unknown incident' },
  'answered-already': { status: 409, title: 'Answered already' },
  'too-late': { status: 410, title: 'Too late' },
  'unknown-verb': { status: 400, title: 'Unknown verb' },
  'bad-request': { status: 400, title: 'Bad request' },
  'invalid-input': { status: 422, title: 'Invalid input' },
  'unmapped-alert': { status: 422, title: 'The alert means no target' },
  'turn-running': { status: 409, title: 'A turn is already running' },
  'verb-running': { status: 409, title: 'A verb is already running' },
  denied: { status: 403, title: 'Denied by policy' },
  'does-not-apply': { status: 409, title: 'The verb does not apply' },
  'contradicts-finding': { status: 409, title: 'The verb contradicts the finding' },
  'host-key-refused': { status: 409, title: 'The host key was not accepted' },
  'host-key-unavailable': { status: 503, title: 'No host key can be accepted now' },
  'verb-failed': { status: 502, title: 'The verb failed' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'queue-full': { status: 429, title: 'Queue full' },
  'payload-too-large': { status: 413, title: 'Too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'power-only': { status: 503, title: 'Power only' },
  'journal-unavailable': { status: 503, title: 'The journal cannot be written' },
  'alerts-waiting': { status: 503, title: 'Too many alerts at once' },
  'agent-unavailable': { status: 503, title: 'Agent unavailable' },
  'shutting-down': { status: 503, title: 'Shutting down' },
  internal: { status: 500, title: 'Internal error' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
}

/** The one class of errors. `detail` says what happened and what to do, and the operator sees it as it is. */
export class BreakglassError extends Error {
  readonly code: ProblemCode;
  readonly extra: Readonly<Record<string, unknown>>;
  constructor(
    code: ProblemCode,
    detail: string,
    options: { cause?: unknown; extra?: Record<string, unknown> } = {},
  ) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'BreakglassError';
    this.code = code;
    this.extra = options.extra ?? {};
  }
}

export const toProblem = (code: ProblemCode, detail: string): Problem => ({
  type: 'about:blank',
  title: PROBLEMS[code].title,
  status: PROBLEMS[code].status,
  detail,
  code,
});
