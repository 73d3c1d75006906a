// One small question to the model, by the very program, credential and way that the agent uses, without tools and without a conversation
// that stays. It tells whether a prompt would be answered, and how soon.
import type { Options, SDKMessage } from '@anthropic-ai/claude-agent-sdk';
import type { Logger } from 'pino';
import { freshTurn, type TranslateState, translate } from './translate.ts';
import type { ModelEndpoint } from './trouble.ts';

export type OneAnswer =
  /** `firstMs`: from the question to the first word, milliseconds; the start of the program is not part of it. */
  | { readonly type: 'answered'; readonly firstMs: number; readonly model: string }
  /** `code` and `sentence` as explainTrouble gives them. */
  | { readonly type: 'trouble'; readonly code: string; readonly sentence: string }
  /** It was not asked. */
  | { readonly type: 'not-asked'; readonly why: string };

export interface QuestionParts {
  readonly binary: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly model: string;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly endpoint: ModelEndpoint;
  readonly logger: Logger;
}

const QUESTION = 'Answer with the one word: ok';
const SYSTEM_PROMPT = 'You are asked whether you can be reached. Answer with one word.';

const optionsOf = ({ binary, env, cwd, model }: QuestionParts): Options => ({
  pathToClaudeCodeExecutable: binary,
  cwd,
  env: { ...env },
  model,
  systemPrompt: SYSTEM_PROMPT,
  includePartialMessages: true,
  verbatimPrompts: true,
  settingSources: [],
  strictMcpConfig: true,
  tools: [],
  skills: [],
  persistSession: false,
  maxTurns: 1,
});

/** Resolves within `limitMs`, and never rejects. */
export async function askOnce(
  parts: QuestionParts,
  limitMs: number,
  signal: AbortSignal,
): Promise<OneAnswer> {
  // Several hundred MB, loaded with the first agent.
  const { ClaudeProcess } = await import('./claude-process.ts');
  const process = new ClaudeProcess(optionsOf(parts), parts.user, parts.logger);
  const { promise, resolve } = Promise.withResolvers<OneAnswer>();
  const late = (): void =>
    resolve({
      type: 'trouble',
      code: 'model-silent',
      sentence: `The model API at ${parts.endpoint.origin} gave no answer within ${limitMs / 1_000} s.`,
    });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
  limit.addEventListener('abort', late, { once: true });
  let state: TranslateState = freshTurn(parts.model, 0);
  let askedAt: number | undefined;
  let firstMs: number | undefined;
  process.listener = async (message: SDKMessage) => {
    if (message.type === 'system' && message.subtype === 'init') askedAt = performance.now();
    const next = translate(state, message, {
      now: performance.now(),
      show: { hasObserver: false, vmAlias: '' },
      endpoint: parts.endpoint,
    });
    state = next.state;
    for (const each of next.events) {
      const isWord = each.type === 'delta' || (each.type === 'event' && each.body.kind === 'text');
      if (isWord && askedAt !== undefined) firstMs ??= Math.round(performance.now() - askedAt);
      if (each.type !== 'event') continue;
      if (each.body.kind === 'error')
        resolve({ type: 'trouble', code: each.body.code ?? 'agent-failed', sentence: each.body.error });
      else if (each.body.kind === 'result')
        resolve({ type: 'answered', firstMs: firstMs ?? 0, model: state.model });
    }
  };
  void process.ended.then(({ how }) =>
    resolve({
      type: 'trouble',
      code: 'agent-died',
      sentence: `The agent's process ended before it had an answer (${how}).`,
    }),
  );
  process.push(QUESTION);
  try {
    return await promise;
  } finally {
    limit.removeEventListener('abort', late);
    await process.close();
  }
}
