// What went wrong with the model, as one sentence that says what happened and what to do. Pure. Never quotes a credential.

export interface ModelTrouble {
  readonly code: string;
  readonly sentence: string;
}

export interface TroubleSigns {
  /** Claude Code's own class, where it gave one: https://code.claude.com/docs/en/agent-sdk/typescript (SDKAssistantMessageError). */
  readonly kind: string | undefined;
  readonly status: number | undefined;
  /** What Claude Code wrote, for the cases that we do not know. */
  readonly text: string;
  readonly model: string;
}

export interface ModelEndpoint {
  /** `https://api.anthropic.com` or the origin of ANTHROPIC_BASE_URL; no user part, no path. */
  readonly origin: string;
  /** Replaces every credential in a text. */
  readonly redact: (text: string) => string;
}

const STILL = 'The power buttons and triage work without it.';
const AGAIN = 'Ask again in a moment.';

export const hasCredential = (credentials: Readonly<Record<string, string>>): boolean =>
  credentials['ANTHROPIC_API_KEY'] !== undefined || credentials['CLAUDE_CODE_OAUTH_TOKEN'] !== undefined;

export function endpointOf(credentials: Readonly<Record<string, string>>): ModelEndpoint {
  const base = credentials['ANTHROPIC_BASE_URL'] ?? 'https://api.anthropic.com';
  const secrets = Object.entries(credentials)
    .filter(([name, value]) => name !== 'ANTHROPIC_BASE_URL' && value.length > 3)
    .map(([, value]) => value);
  return {
    origin: URL.canParse(base) ? new URL(base).origin : 'the configured address',
    redact: (text) => secrets.reduce((kept, secret) => kept.replaceAll(secret, '[credential]'), text),
  };
}

export function explainTrouble(signs: TroubleSigns, endpoint: ModelEndpoint): ModelTrouble {
  const { kind, status } = signs;
  const at = `The model API at ${endpoint.origin}`;
  const with_ = (code: string, sentence: string): ModelTrouble => ({
    code,
    sentence: `${sentence} ${STILL}`,
  });
  if (
    status === 401 ||
    status === 403 ||
    kind === 'authentication_failed' ||
    kind === 'oauth_org_not_allowed'
  ) {
    const why = `${at} rejected the credential${status === undefined ? '' : ` (${status})`}.`;
    return with_(
      'model-credential-rejected',
      `${why} Set a valid ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN and restart.`,
    );
  }
  if (kind === 'billing_error' || kind === 'account_on_hold' || kind === 'verification_required')
    return with_(
      'model-account',
      `${at} refuses this account (billing, hold or verification). See to the account's settings.`,
    );
  if (status === 429 || kind === 'rate_limit')
    return with_('model-rate-limited', `${at} is rate limiting this account (429). ${AGAIN}`);
  if (status === 529 || kind === 'overloaded')
    return with_('model-overloaded', `${at} is overloaded. ${AGAIN}`);
  if (status === 404 || kind === 'model_not_found')
    return with_(
      'model-unknown',
      `${at} does not know the model ${signs.model}. Set BREAKGLASS_MODEL to one that it serves.`,
    );
  if (status !== undefined && status >= 500)
    return with_('model-failed', `${at} failed with status ${status}. ${AGAIN}`);
  if (/timeout|timed out|no response/i.test(`${kind} ${signs.text}`))
    return with_('model-silent', `${at} stopped answering in time. ${AGAIN}`);
  if (
    /connection|connect|ECONN|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|network|fetch failed/i.test(
      `${kind} ${signs.text}`,
    )
  )
    return with_(
      'model-unreachable',
      `${at} cannot be reached, or broke the connection. Check the network and ANTHROPIC_BASE_URL, then ask again.`,
    );
  if (/without receiving|malformed|unexpected|JSON|parse/i.test(signs.text))
    return with_(
      'model-garbled',
      `${at} answered with something that is not the Messages API. Check ANTHROPIC_BASE_URL.`,
    );
  const said = endpoint.redact(signs.text).replace(/\s+/g, ' ').trim().slice(0, 300);
  return with_(
    'agent-failed',
    `The agent could not finish this turn${said === '' ? '.' : `: ${said}`} ${AGAIN}`,
  );
}

/** Our own watchdog ended the turn. `signs`: of the last retry, if there was one. */
export function explainSilence(
  seconds: number,
  signs: TroubleSigns | undefined,
  endpoint: ModelEndpoint,
): ModelTrouble {
  if (signs !== undefined && (signs.status !== undefined || signs.kind !== 'unknown'))
    return explainTrouble(signs, endpoint);
  return {
    code: 'model-silent',
    sentence: `The model API at ${endpoint.origin} made no headway for ${seconds} s, so the turn was ended. ${AGAIN} ${STILL}`,
  };
}

export const explainDeath = (how: string): ModelTrouble => ({
  code: 'agent-died',
  sentence: `The agent's process ended unexpectedly (${how}). The next prompt starts it again with the conversation so far. ${STILL}`,
});
