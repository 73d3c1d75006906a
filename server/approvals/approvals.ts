// Questions that wait for a person. Each is about one exact call, is answered once, and ends by itself. What was approved may run once,
// after the answer is on disk; nothing that waits when the server stops is ever run.
import { SERVER } from '../../protocol/actors.ts';
import type {
  Approval,
  ApprovalAnswer,
  ApprovalOutcome,
  Asked,
  PolicyMode,
  SessionPolicy,
} from '../../protocol/approvals.ts';
import type { JournaledBody } from '../../protocol/events.ts';
import type { SessionId, ToolCallId } from '../../protocol/ids.ts';
import type { Actor } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Journal } from '../journal/port.ts';
import { readAll } from '../journal/read-all.ts';
import { bindingOf } from './binding.ts';
import { Deadline } from './deadline.ts';
import { GRANT_MINUTES, type SessionOf, type SessionPolicies } from './session-policies.ts';

/** How long a question waits. Both must stay below the times that Claude Code lets a tool run (agent/process-options.ts). */
export interface Lives {
  readonly verbMs: number;
  readonly commandMs: number;
}
const LIVES: Lives = { verbMs: 2 * 60_000, commandMs: 10 * 60_000 };

export interface Question {
  readonly session: SessionOf;
  readonly toolCall: ToolCallId;
  readonly asked: Asked;
  /** The agent's own words before the call. */
  readonly said: string | undefined;
  readonly hasObserver: boolean;
  /** Whether a mode would refuse it; then the question is void. */
  readonly refusedIn: (mode: PolicyMode) => boolean;
  /** Into the turn, on disk. When it rejects, the turn is over. */
  readonly record: (body: JournaledBody, by?: Actor) => Promise<void>;
  /** The turn's: a Stop denies it. */
  readonly signal: AbortSignal;
}

export type Verdict =
  | { readonly type: 'approved'; readonly permit: OnePermit }
  | { readonly type: 'denied'; readonly by: string; readonly reason: string | undefined }
  | { readonly type: 'no-answer'; readonly afterS: number }
  | { readonly type: 'void'; readonly mode: PolicyMode }
  | { readonly type: 'stopped' }
  /** The answer could not be recorded, so it does not count. */
  | { readonly type: 'unrecorded' };

/** A yes to one exact call. */
class OnePermit {
  readonly #bound: Omit<Parameters<typeof bindingOf>[0], 'asked'>;
  readonly #binding: string;
  #used = false;

  constructor(bound: Parameters<typeof bindingOf>[0]) {
    this.#bound = bound;
    this.#binding = bindingOf(bound);
  }

  /** True once, and for exactly what was approved. */
  use(asked: Asked): boolean {
    if (this.#used || bindingOf({ ...this.#bound, asked }) !== this.#binding) return false;
    this.#used = true;
    return true;
  }
}

export interface Given {
  readonly answer: 'approve' | 'deny';
  readonly reason?: string | undefined;
  readonly grant_minutes?: number | undefined;
}

interface Waiting {
  readonly approval: Approval;
  readonly question: Question;
  readonly deadline: Deadline;
  readonly verdict: PromiseWithResolvers<Verdict>;
  readonly permit: OnePermit;
  /** From the first answer on; it rejects when that could not be recorded. */
  decision: Promise<ApprovalOutcome> | undefined;
}

export interface ApprovalsParts {
  readonly journal: Journal;
  readonly policies: SessionPolicies;
  /** By default 2 minutes for a verb and 10 for a command. */
  readonly lives?: Lives;
}

export class Approvals {
  readonly #journal: Journal;
  readonly policies: SessionPolicies;
  readonly #lives: Lives;
  readonly #waiting = new Map<string, Waiting>();

  constructor({ journal, policies, lives = LIVES }: ApprovalsParts) {
    this.#journal = journal;
    this.policies = policies;
    this.#lives = lives;
    // A session that cannot be read is judged again at the answer, and before the call runs.
    policies.onTightened = (session) => void this.#voidRefused(session).catch(() => undefined);
  }

  /** Those that wait now, the one that ends first first. */
  waiting(): readonly Approval[] {
    return [...this.#waiting.values()]
      .filter(({ decision }) => decision === undefined)
      .map(({ approval }) => approval)
      .toSorted((a, b) => a.expires_at.localeCompare(b.expires_at));
  }

  /** Resolves when it was answered or can no longer be. Rejects when the question could not be recorded. */
  async ask(question: Question): Promise<Verdict> {
    const { session, asked, said, hasObserver, signal } = question;
    const { version } = await this.policies.of(session);
    const isVerb = 'verb' in asked;
    const deadline = new Deadline(isVerb ? this.#lives.verbMs : this.#lives.commandMs);
    const bound = {
      asked,
      session: session.id,
      target: session.target,
      policyVersion: version,
      expiresAt: deadline.at,
    };
    const body = {
      approval_id: crypto.randomUUID(),
      asked,
      ...(said === undefined ? {} : { said }),
      binding: bindingOf(bound),
      expires_at: deadline.at,
      observer: hasObserver,
      ...(isVerb ? {} : { grant_minutes: GRANT_MINUTES }),
    };
    await question.record({ kind: 'approval_requested', tool_call_id: question.toolCall, ...body });
    const waiting: Waiting = {
      approval: {
        ...body,
        session_id: session.id,
        target: session.target,
        at: new Date().toISOString(),
      },
      question,
      deadline,
      verdict: Promise.withResolvers<Verdict>(),
      permit: new OnePermit(bound),
      decision: undefined,
    };
    this.#waiting.set(body.approval_id, waiting);
    const onStop = (): void =>
      void this.#end(waiting, 'denied', { type: 'stopped' }, 'The turn was stopped.');
    signal.addEventListener('abort', onStop, { once: true });
    if (signal.aborted) onStop();
    deadline.onPast(() => void this.#expire(waiting));
    try {
      // The policy may have been tightened while the question was being recorded.
      await this.#voidRefused(session.id);
      return await waiting.verdict.promise;
    } catch (error) {
      // Nobody is asked any more: a yes to it would be the yes to nothing.
      await this.#end(waiting, 'denied', { type: 'unrecorded' }, 'It could not be judged.');
      throw error;
    } finally {
      signal.removeEventListener('abort', onStop);
      deadline.cancel();
      // Until its end is on disk, an answer that comes late finds it here.
      void Promise.resolve(waiting.decision)
        .catch(() => undefined)
        .then(() => this.#waiting.delete(body.approval_id));
    }
  }

  /**
   * The answer of a person. The first one counts; the same again is accepted. Throws `unknown-approval`; `answered-already` with who
   * and when, for another answer than the first; `too-late` when it has ended without one; `invalid-input` for a grant where none may
   * be given; `journal-unavailable` when the answer could not be recorded: then nothing is run.
   */
  async answer(session: SessionOf, id: string, given: Given, by: Actor): Promise<ApprovalOutcome> {
    const waiting = this.#waiting.get(id);
    if (waiting?.question.session.id !== session.id)
      return this.#answerAgain(await this.#past(session, id), given);
    if (waiting.decision !== undefined) return this.#answerAgain(await waiting.decision, given);
    if (given.grant_minutes !== undefined && waiting.approval.grant_minutes === undefined)
      throw new BreakglassError('invalid-input', 'grant_minutes: a verb is approved once, never for a time.');
    if (given.grant_minutes !== undefined && given.answer === 'deny')
      throw new BreakglassError('invalid-input', 'grant_minutes: only with the answer approve.');
    if (waiting.deadline.isPast) {
      await this.#expire(waiting);
      throw tooLate({ approval_id: id, answer: 'expired', by: SERVER.name, at: new Date().toISOString() });
    }
    waiting.decision =
      given.answer === 'approve'
        ? this.#approve(waiting, given, by)
        : this.#resolve(
            waiting,
            'denied',
            { type: 'denied', by: by.name, reason: given.reason },
            by,
            given.reason,
          );
    return waiting.decision;
  }

  async #approve(waiting: Waiting, given: Given, by: Actor): Promise<ApprovalOutcome> {
    const { session, refusedIn } = waiting.question;
    const { permit } = waiting;
    const { mode } = await this.#policyOf(waiting);
    if (refusedIn(mode)) throw tooLate(await this.#resolve(waiting, 'void', { type: 'void', mode }, SERVER));
    const resolved = await this.#resolve(waiting, 'approved', { type: 'approved', permit }, by);
    if (given.grant_minutes === undefined) return resolved;
    try {
      return { ...resolved, grant: await this.policies.grant(session, given.grant_minutes, by) };
    } catch (error) {
      if (!(error instanceof BreakglassError)) throw error;
      const why =
        error.code === 'journal-unavailable'
          ? 'The grant could not be recorded, so there is none: the next command asks again.'
          : error.message;
      throw new BreakglassError(error.code, `It is approved and runs. ${why}`, { cause: error });
    }
  }

  async #policyOf(waiting: Waiting): Promise<SessionPolicy> {
    try {
      return await this.policies.of(waiting.question.session);
    } catch (error) {
      waiting.verdict.resolve({ type: 'unrecorded' });
      throw error;
    }
  }

  /** Resolves the call only after the answer is on disk. */
  async #resolve(
    waiting: Waiting,
    answer: ApprovalAnswer,
    verdict: Verdict,
    by: Actor,
    reason?: string,
  ): Promise<ApprovalOutcome> {
    waiting.deadline.cancel();
    const { approval_id } = waiting.approval;
    try {
      await waiting.question.record(
        {
          kind: 'approval_resolved',
          approval_id,
          answer,
          by: by.name,
          ...(reason === undefined ? {} : { reason }),
        },
        by,
      );
    } catch (error) {
      waiting.verdict.resolve({ type: 'unrecorded' });
      throw new BreakglassError(
        'journal-unavailable',
        'The answer could not be recorded, so it does not count, and nothing was run. The power buttons work.',
        { cause: error },
      );
    }
    waiting.verdict.resolve(verdict);
    return { approval_id, answer, by: by.name, at: new Date().toISOString() };
  }

  /** Ends one that nobody has answered. Never rejects: if that cannot be recorded, the call ends all the same. */
  async #end(waiting: Waiting, answer: ApprovalAnswer, verdict: Verdict, reason?: string): Promise<void> {
    if (waiting.decision === undefined) {
      waiting.decision = this.#resolve(waiting, answer, verdict, SERVER, reason);
      // A stop must not wait for a slow disk: what is not approved is denied, whether or not that is recorded yet.
      waiting.verdict.resolve(verdict);
    }
    await waiting.decision.catch(() => undefined);
  }

  #expire(waiting: Waiting): Promise<void> {
    const afterS = Math.round(waiting.deadline.lifeMs / 1_000);
    return this.#end(waiting, 'expired', { type: 'no-answer', afterS });
  }

  async #voidRefused(session: SessionId): Promise<void> {
    for (const waiting of this.#waiting.values()) {
      if (waiting.question.session.id !== session || waiting.decision !== undefined) continue;
      const { mode } = await this.policies.of(waiting.question.session);
      if (waiting.decision === undefined && waiting.question.refusedIn(mode))
        await this.#end(waiting, 'void', { type: 'void', mode }, `The policy is ${mode} now.`);
    }
  }

  #answerAgain(resolved: ApprovalOutcome, given: Given): ApprovalOutcome {
    const { answer, by, at } = resolved;
    if (answer === 'expired' || answer === 'void') throw tooLate(resolved);
    if ((answer === 'approved') === (given.answer === 'approve')) return resolved;
    throw new BreakglassError('answered-already', `${by} has ${answer} this at ${clock(at)} UTC.`, {
      extra: { answer, by, at },
    });
  }

  /** From the journal: a second phone may answer long after the first. */
  async #past(session: SessionOf, id: string): Promise<ApprovalOutcome> {
    for await (const event of readAll(this.#journal, { session: session.id, kinds: ['approval_resolved'] }))
      if (event.kind === 'approval_resolved' && event.approval_id === id)
        return { approval_id: id, answer: event.answer, by: event.by, at: event.at };
    throw new BreakglassError('unknown-approval', 'There is no such question in this session.');
  }
}

const clock = (at: string): string => at.slice(11, 19);

function tooLate(resolved: ApprovalOutcome): BreakglassError {
  const { answer, at } = resolved;
  return new BreakglassError(
    'too-late',
    answer === 'expired'
      ? `It had ended by itself at ${clock(at)} UTC, so nothing was run. Ask the agent again if it is still wanted.`
      : 'The policy was tightened while this waited, so it can no longer be approved. Nothing was run.',
    { extra: { answer, at } },
  );
}
