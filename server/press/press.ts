// The one way to a verb. Every button, route, page and tool comes through here and has to answer every gate: the types require it, and
// not to ask for something is an explicit variant. A gate that cannot know (triage failed, the journal is gone) never blocks a person.
import { applicability, type KnownVm } from '../../protocol/applicable-verbs.ts';
import { type Contradiction, contradictionOf } from '../../protocol/contradiction.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { Actor, Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { isMutating, parseVerb, VERBS, type Verb } from '../../protocol/verbs.ts';
import type { Power } from '../power/port.ts';
import type { IdempotencyKey, Repeats } from './repeats.ts';
import { type Agreement, CONFIRM_LIFE_MS, type SecondPresses } from './second-press.ts';

/** May this actor do this now? `judge` gives the reason of a refusal. */
export type Permission =
  | { readonly type: 'person' }
  | { readonly type: 'judged'; readonly judge: (verb: Verb) => Promise<string | undefined> };

/** What is required of a verb that contradicts the finding of triage. */
export type SecondPress =
  /** The fixed verb route: its POST is itself the confirmation. */
  | { readonly type: 'not-asked' }
  /** The token that came with the refusal; undefined at the first press. */
  | { readonly type: 'token'; readonly token: string | undefined }
  /** A page has shown what speaks against the verb, and the person agreed to that. `code` says what was shown. */
  | { readonly type: 'shown'; readonly code: string | undefined }
  /** The agent said that it knows better, and why. */
  | { readonly type: 'stated'; readonly despiteFinding: boolean };

/** The same request again, after a lost answer, starts nothing. */
export type Once = { readonly type: 'no-key' } | { readonly type: 'key'; readonly key: IdempotencyKey };

/** Whether a verb that certainly changes nothing in the known state of the VM is refused before anything is captured for it. */
export type Applies =
  | { readonly type: 'refused' }
  /** The fixed verb route: whatever is asked for reaches the host, which answers in its own words. */
  | { readonly type: 'left-to-the-host' };

export interface PressRequest {
  /** The word as it came. Only the exact word is a verb. */
  readonly verb: string;
  readonly by: Actor;
  readonly session: SessionId | undefined;
  readonly permission: Permission;
  readonly applies: Applies;
  readonly secondPress: SecondPress;
  readonly once: Once;
}

export interface Press {
  /**
   * Starts the operation, or returns the one that the same key has started. Throws `unknown-verb`, `verb-running`, `does-not-apply` (with
   * the reason), `denied` (with the reason), `contradicts-finding` (with a token for the second press in `extra`), `invalid-input` (the key was used for
   * another verb), and what `power.start` throws.
   */
  press(request: PressRequest): Promise<Operation>;
  /** What speaks against the verb now, for a page that asks before it presses. It never fails and does not wait long. */
  against(verb: Verb): Promise<Contradiction | undefined>;
  /** Why the verb would change nothing now; undefined when it may. As `against`, it never fails and does not wait long. */
  whyNot(verb: Verb): Promise<string | undefined>;
}

export interface PressParts {
  readonly target: TargetName;
  readonly power: Pick<Power, 'start' | 'checkFree'>;
  /** Triage from the latest signals. */
  readonly quickTriage: () => Promise<TriageReport>;
  /** What is known of the VM at this moment, asked for where it is not; undefined: nothing. */
  readonly vmNow: () => Promise<KnownVm | undefined>;
  readonly secondPresses: SecondPresses;
  readonly repeats: Repeats;
}

/** How long a verb waits for quick triage, which itself takes less. In an emergency the wish to know more must not hold it up. */
const TRIAGE_PATIENCE_MS = 1_000;

export const HOW_TO_AGREE: Readonly<Record<SecondPress['type'], string>> = {
  'not-asked': '',
  token: 'To do it all the same, confirm once more.',
  shown: 'To do it all the same, confirm it.',
  stated: 'If you know better, say why, and call again with despite_finding: true.',
};

export const unknownVerb = (word: string): BreakglassError =>
  new BreakglassError(
    'unknown-verb',
    `${JSON.stringify(word.slice(0, 40))} is not a verb. Expected one of ${VERBS.join(', ')}.`,
  );

/** The exact word; throws `unknown-verb`. */
export function exactVerb(word: string): Verb {
  const verb = parseVerb(word);
  if (verb === undefined) throw unknownVerb(word);
  return verb;
}

export function createPress(parts: PressParts): Press {
  const { target, power, secondPresses, repeats } = parts;

  /** Undefined when the verb changes nothing, or when nothing could be found out in time. */
  const findFirst = async (verb: Verb): Promise<TriageReport | undefined> =>
    isMutating(verb) ? inTime(parts.quickTriage) : undefined;

  async function whyNot(verb: Verb): Promise<string | undefined> {
    if (!isMutating(verb)) return undefined;
    const answer = applicability(await inTime(parts.vmNow), verb);
    return answer.applies ? undefined : answer.why;
  }

  async function start(verb: Verb, request: PressRequest): Promise<Operation> {
    if (isMutating(verb)) power.checkFree(verb);
    const [finding, useless] = await Promise.all([
      findFirst(verb),
      request.applies.type === 'refused' ? whyNot(verb) : undefined,
    ]);
    if (useless !== undefined)
      throw new BreakglassError('does-not-apply', `${useless} Nothing was done.`, { extra: { verb } });
    // Asked after triage, so that a policy that was tightened meanwhile counts.
    await permit(verb, request.permission);
    agree(verb, finding, request);
    const { by, session } = request;
    return power.start({ verb, by, finding, ...(session === undefined ? {} : { session_id: session }) });
  }

  /** Throws when something speaks against the verb and this is not the second press. */
  function agree(verb: Verb, finding: TriageReport | undefined, { by, secondPress }: PressRequest): void {
    const against = contradiction(finding, verb);
    if (against === undefined || finding === undefined) return;
    const what = { verb, target, by: `${by.type}:${by.via}:${by.name}`, finding: against.code };
    if (isSecondPress(secondPress, what)) return;
    const token =
      secondPress.type === 'token'
        ? { confirm: secondPresses.issue(what), confirm_within_s: CONFIRM_LIFE_MS / 1_000 }
        : {};
    throw new BreakglassError('contradicts-finding', `${against.text} ${HOW_TO_AGREE[secondPress.type]}`, {
      extra: {
        verb,
        finding: finding.finding,
        cautions: finding.cautions,
        contradiction: against.code,
        ...token,
      },
    });
  }

  function isSecondPress(secondPress: SecondPress, what: Agreement): boolean {
    switch (secondPress.type) {
      case 'not-asked':
        return true;
      case 'token':
        return secondPress.token !== undefined && secondPresses.redeem(secondPress.token, what);
      case 'shown':
        // The person agreed to what was shown. If there is another finding by now, the person is asked again.
        return secondPress.code === what.finding;
      case 'stated':
        return secondPress.despiteFinding;
    }
  }

  return {
    async press(request) {
      const verb = exactVerb(request.verb);
      if (request.once.type === 'no-key') return start(verb, request);
      return repeats.once(request.once.key, { verb, target, by: request.by }, () => start(verb, request));
    },
    async against(verb) {
      return contradiction(await findFirst(verb), verb);
    },
    whyNot,
  };
}

/** Undefined when it fails or takes too long. */
async function inTime<T>(ask: () => Promise<T>): Promise<T | undefined> {
  const patience = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => patience.resolve(undefined), TRIAGE_PATIENCE_MS);
  try {
    return await Promise.race([ask().catch(() => undefined), patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function permit(verb: Verb, permission: Permission): Promise<void> {
  // The buttons of a person work in every mode.
  if (permission.type === 'person') return;
  const reason = await permission.judge(verb);
  if (reason !== undefined) throw new BreakglassError('denied', reason);
}

const contradiction = (finding: TriageReport | undefined, verb: Verb): Contradiction | undefined =>
  finding === undefined || !isMutating(verb) ? undefined : contradictionOf(finding, verb);
