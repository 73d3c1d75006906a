// The agent and its model: the program, the way to the API, and one small question by the way of every prompt.
import { isIP } from 'node:net';
import { expectedVersion, versionOf } from '../agent/binary-version.ts';
import type { OneAnswer } from '../agent/one-question.ts';
import { hasCredential } from '../agent/trouble.ts';
import { unusedLink } from './console-links.ts';
import {
  broken,
  type Chain,
  doubtful,
  type LinkLook,
  notChecked,
  reasonOf,
  type Seen,
  works,
} from './link.ts';
import { reach, whyNotReached } from './reach.ts';

export interface AgentParts {
  /** As they go into the agent's environment. None of them is ever in a verdict, but for the address. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly model: string;
  /** Throws where it is not installed. */
  readonly binary: () => string;
  readonly askOnce: (signal: AbortSignal) => Promise<OneAnswer>;
  /** For the program to tell its version, and for the question; default 15 and 45 s. */
  readonly limits?: { readonly versionMs: number; readonly questionMs: number };
}

/** A cold start of the program on a small machine that has other work; and longer than the question itself may take. */
const LIMITS = { versionMs: 15_000, questionMs: 45_000 };
/** A person on a phone waits no longer without wondering. */
const SLOW_FIRST_WORD_MS = 10_000;

const NO_CREDENTIAL =
  'The agent has no credential (ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN): there is no chat. Power and triage work without it.';

export function agentChain({ credentials, model, binary, askOnce, limits = LIMITS }: AgentParts): Chain {
  if (!hasCredential(credentials)) {
    const titles = {
      'agent-binary': PROGRAM,
      'model-route': ROUTE,
      'model-credential': CREDENTIAL,
      'model-answer': ANSWER,
    } as const;
    return {
      links: (Object.keys(titles) as (keyof typeof titles)[]).map((code) =>
        unusedLink(code, titles[code], NO_CREDENTIAL),
      ),
    };
  }
  let answer: OneAnswer | undefined;
  const links: readonly LinkLook[] = [
    {
      code: 'agent-binary',
      title: PROGRAM,
      needs: [],
      limitMs: limits.versionMs,
      look: (signal) => lookAtProgram(binary, signal),
    },
    {
      code: 'model-route',
      title: ROUTE,
      needs: [],
      look: (signal) => lookAtRoute(credentials, signal),
    },
    {
      code: 'model-credential',
      title: CREDENTIAL,
      needs: ['agent-binary', 'model-route'],
      limitMs: limits.questionMs,
      async look(signal) {
        answer = await askOnce(signal);
        return credentialVerdict(answer);
      },
    },
    {
      code: 'model-answer',
      title: ANSWER,
      needs: ['model-credential'],
      look: async () => answerVerdict(answer, model),
    },
  ];
  return { links };
}

const PROGRAM = 'Claude Code';
const ROUTE = 'Way to the model API';
const CREDENTIAL = 'Credential of the model API';
const ANSWER = 'The model answers';

async function lookAtProgram(binary: () => string, signal: AbortSignal): Promise<Seen> {
  const remedy =
    'In the directory of the console: `npm ci` (without --omit=optional), then restart. A container: pull the image again.';
  let version: string;
  try {
    version = await versionOf(binary(), signal);
  } catch (error) {
    return broken(`Claude Code does not run: ${reasonOf(error)}`, remedy);
  }
  const expected = await expectedVersion();
  return expected === undefined || expected === version
    ? works(`Claude Code ${version} runs.`)
    : doubtful(`Claude Code ${version} runs; the Agent SDK was made for ${expected}.`, remedy);
}

/** Only TCP: what the API thinks of us is asked by the program that talks to it, with its proxy and its authorities. */
async function lookAtRoute(
  {
    ANTHROPIC_BASE_URL: base = 'https://api.anthropic.com',
    HTTPS_PROXY: proxy,
    NO_PROXY: direct = '',
  }: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Seen> {
  const byProxy = base.startsWith('https:') && proxy !== undefined && !goesDirect(base, direct);
  const url = URL.parse(byProxy ? proxy : base);
  // `proxy:3128` is an address without a host.
  if (url === null || url.hostname === '')
    return broken(
      byProxy
        ? 'The address of the proxy is not understood.'
        : 'The address of the model API is not understood.',
      byProxy
        ? 'Set HTTPS_PROXY to an address such as http://proxy:3128.'
        : 'Set ANTHROPIC_BASE_URL to an address such as https://api.anthropic.com.',
    );
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const what = byProxy ? 'The proxy (HTTPS_PROXY)' : 'The model API';
  try {
    (await reach({ host, port }, signal)).destroy();
    return works(`${what} at ${host} port ${port} accepts connections.`);
  } catch (error) {
    return broken(
      `${what} is not reached at ${host} port ${port}: ${whyNotReached(error)}.`,
      `Let this machine out to ${host}${isIP(host) === 0 ? ' (and its name be resolved)' : ''}, or set HTTPS_PROXY or ANTHROPIC_BASE_URL. Power and triage work without it.`,
    );
  }
}

/**
 * Whether NO_PROXY names the host, as Claude Code reads it: `*` alone is every host; a name is that host, with a dot before it also what is below it;
 * with a port only that port. https://docs.claude.com/en/docs/claude-code/network-config
 */
function goesDirect(base: string, list: string): boolean {
  const url = URL.parse(base);
  if (url === null) return false;
  const host = url.hostname.toLowerCase();
  const entries = list.toLowerCase().split(/[,\s]+/);
  return (
    list.trim() === '*' ||
    entries.includes(host) ||
    entries.includes(`${host}:${url.port === '' ? '443' : url.port}`) ||
    entries.some((entry) => entry.startsWith('.') && `.${host}`.endsWith(entry))
  );
}

/** The API looks at the credential first: another trouble that it told says that the credential is good. */
const TOLD_BY_THE_API: readonly string[] = [
  'model-rate-limited',
  'model-overloaded',
  'model-unknown',
  'model-failed',
];

function credentialVerdict(answer: OneAnswer): Seen {
  switch (answer.type) {
    case 'answered':
      return works('The API takes it.');
    case 'not-asked':
      return notChecked(answer.why);
    case 'trouble':
      if (answer.code === 'model-credential-rejected' || answer.code === 'model-account')
        return broken(
          answer.sentence,
          'Make a new one (console.anthropic.com, or claude setup-token), set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, and restart.',
        );
      return TOLD_BY_THE_API.includes(answer.code)
        ? works('The API takes it, and has another trouble.')
        : doubtful('The API said nothing about it.', 'See model-answer.');
    default:
      return answer satisfies never;
  }
}

function answerVerdict(answer: OneAnswer | undefined, model: string): Seen {
  if (answer === undefined || answer.type === 'not-asked') return notChecked('It was not asked.');
  if (answer.type === 'trouble')
    return broken(
      answer.sentence,
      answer.code === 'model-unknown'
        ? 'Set BREAKGLASS_MODEL to a model that the API serves, and restart.'
        : 'Look again in a minute; https://status.anthropic.com says how the API is. Power and triage work without it.',
    );
  const first = `${(answer.firstMs / 1_000).toFixed(1)} s`;
  return answer.firstMs > SLOW_FIRST_WORD_MS
    ? doubtful(
        `${answer.model} answers, and its first word took ${first}.`,
        `Look again; if it stays so, a faster model is chosen with BREAKGLASS_MODEL (now ${model}).`,
      )
    : works(`${answer.model} answers; its first word took ${first}.`);
}
