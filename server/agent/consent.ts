// Whether one call may run: policy says so, or a person does. What comes back is used once, right before the call runs, and judges
// again then: a policy that was tightened meanwhile counts.
import type { Asked, PolicyMode } from '../../protocol/approvals.ts';
import type { SessionId, ToolCallId } from '../../protocol/ids.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { isMutating, type Verb } from '../../protocol/verbs.ts';
import type { Verdict } from '../approvals/approvals.ts';
import { type Action, type Decision, decide } from '../policy/decide.ts';
import type { LastChange } from '../power/port.ts';
import type { Exchange } from './exchange.ts';
import type { Hands } from './hands.ts';
import { failed, type ToolOutcome } from './tool-results.ts';

/** One call of a tool, and where it happens. */
export interface Call {
  readonly hands: Hands;
  readonly session: SessionId;
  readonly exchange: Exchange;
  readonly id: ToolCallId;
  readonly signal: AbortSignal;
}

export type Consent =
  | { readonly type: 'refused'; readonly outcome: ToolOutcome }
  /** `use` gives the reason when it may not run after all; it throws `does-not-apply` for a verb that another one has overtaken. */
  | { readonly type: 'given'; readonly use: (asked: Asked) => Promise<string | undefined> };

/** What a person reads on a phone before they agree to it, in characters of the command and of its stdin. */
const READABLE_CHARS = 4 * 1024;

/** @param before what else speaks against it, looked at before a person is asked */
export async function seekConsent(
  call: Call,
  asked: Asked,
  before: () => Promise<ToolOutcome | undefined>,
): Promise<Consent> {
  const { hands, session, exchange, id, signal } = call;
  const changeBefore = hands.power.lastChange();
  const policy = await hands.policy(session);
  const decideIn = async (mode?: PolicyMode): Promise<Decision> => {
    const facts = await factsOf(hands, asked);
    // Read last, so that a mode that was tightened a moment ago counts.
    const now = policy();
    return decide(mode ?? now.mode, 'agent', actionOf(asked, facts, now.granted), facts.budget);
  };
  const decision = await decideIn();
  switch (decision.type) {
    case 'deny':
      return refused(`Denied. ${decision.reason}`);
    case 'allow':
      return {
        type: 'given',
        async use() {
          const again = await decideIn();
          return again.type === 'allow' ? undefined : again.reason;
        },
      };
    case 'ask': {
      const obstacle = unreadable(asked) ?? (await before());
      if (obstacle !== undefined) return { type: 'refused', outcome: obstacle };
      const resume = exchange.pause();
      const verdict = await hands
        .ask({
          session: { id: session, target: hands.target },
          toolCall: id,
          asked,
          said: exchange.lastSaid,
          hasObserver: hands.guest.hasObserver,
          refusedIn: (mode) =>
            decide(mode, 'agent', actionOf(asked, NO_FACTS, false), NO_FACTS.budget).type === 'deny',
          record: (body, by) => exchange.record(body, by),
          signal,
        })
        .finally(resume);
      if (verdict.type !== 'approved') return refusedBy(verdict, asked);
      return {
        type: 'given',
        async use(now) {
          if (!verdict.permit.use(now)) return 'This is not what was approved.';
          const again = await decideIn();
          if ('verb' in now) refuseOvertaken(changeBefore, hands.power.lastChange());
          return again.type === 'deny' ? again.reason : undefined;
        },
      };
    }
  }
}

interface Facts {
  readonly vmStopped: boolean | undefined;
  readonly shutdownBy: string | undefined;
  readonly budget: { readonly spentAt: readonly number[]; readonly now: number };
}
const NO_FACTS: Facts = { vmStopped: undefined, shutdownBy: undefined, budget: { spentAt: [], now: 0 } };

async function factsOf(hands: Hands, asked: Asked): Promise<Facts> {
  if (!('verb' in asked) || !isMutating(asked.verb)) return NO_FACTS;
  const { verb } = asked;
  return {
    vmStopped: verb === 'start' ? await hands.vmStopped() : undefined,
    shutdownBy: overrulesShutdown(verb) ? await hands.shutdownBy() : undefined,
    budget: await hands.verbBudget(),
  };
}

const overrulesShutdown = (verb: Verb): boolean => verb === 'stop' || verb === 'cycle';

function actionOf(asked: Asked, { vmStopped, shutdownBy }: Facts, granted: boolean): Action {
  if (!('verb' in asked)) return { type: 'command', account: asked.account, granted };
  return {
    type: 'verb',
    verb: asked.verb,
    ...(vmStopped === undefined ? {} : { vmStopped }),
    ...(shutdownBy === undefined ? {} : { shutdownBy }),
  };
}

/** The yes was to a verb on the VM as it was when the agent asked: after another verb it boots, or was stopped on purpose. */
function refuseOvertaken(before: LastChange | undefined, last: LastChange | undefined): void {
  if (last === undefined || last.beganAtMs === before?.beganAtMs) return;
  const at = new Date(last.beganAtMs).toISOString().slice(11, 19);
  throw new BreakglassError(
    'does-not-apply',
    `${last.verb} by ${last.by.name} ran at ${at} UTC while this waited. Look again.`,
  );
}

const refused = (why: string, ended: 'denied' | 'stopped' = 'denied'): Consent => ({
  type: 'refused',
  outcome: failed(why, ended),
});

/** Nobody should agree to what they cannot read. */
function unreadable({ input: { command, stdin } }: Asked): ToolOutcome | undefined {
  const tooLong = (what: string, text: string | undefined): string | undefined =>
    text !== undefined && text.length > READABLE_CHARS
      ? `${what} has ${text.length} characters, and a person has to read it before it runs: at most ${READABLE_CHARS}. It was not run and nobody was asked. Take smaller steps.`
      : undefined;
  const why = tooLong('The command', command) ?? tooLong('The stdin', stdin);
  return why === undefined ? undefined : failed(`Refused. ${why}`, 'denied');
}

function refusedBy(verdict: Exclude<Verdict, { type: 'approved' }>, asked: Asked): Consent {
  const what = 'verb' in asked ? asked.verb : 'This command';
  switch (verdict.type) {
    case 'denied': {
      const said = verdict.reason === undefined ? '' : ` They said: ${JSON.stringify(verdict.reason)}`;
      return refused(`Denied by ${verdict.by}. It was not run.${said}`);
    }
    case 'no-answer':
      return refused(
        `No answer: nobody answered within ${verdict.afterS} s. ${what} was not run. It was not refused either: say what you would do, and end your turn.`,
      );
    case 'void':
      return refused(
        `Denied. The policy was tightened to ${verdict.mode} while this waited. It was not run.`,
      );
    case 'stopped':
      return refused('Stopped before it ran.', 'stopped');
    case 'unrecorded':
      return refused('The answer could not be recorded, so it was not run.');
  }
}
