// The one way to a verb. Every button, route, page and tool comes through here, and answers every gate: the types require it, and
// what a way does not ask is an explicit variant. A gate that cannot know (triage failed, the journal is gone) never blocks a person.
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

/** What a verb needs that speaks against what triage found. */
export type SecondPress =
  /** The fixed verb route: its POST is itself the confirmation. */
  | { readonly type: 'not-asked' }
  /** A token that a refusal gave out; undefined at the first press. */
  | { readonly type: 'token'; readonly token: string | undefined }
  /** A page showed what speaks against it (its code) and the person agreed to just that. */
  | { readonly type: 'shown'; readonly code: string | undefined }
  /** The agent said that it knows better, and why. */
  | { readonly type: 'stated'; readonly despiteFinding: boolean };

/** The same request again, after a lost answer, starts nothing. */
export type Once = { readonly type: 'no-key' } | { readonly type: 'key'; readonly key: IdempotencyKey };

export interface PressRequest {
  /** As it came: only the exact word is a verb. */
  readonly verb: string;
  readonly by: Actor;
  readonly session: SessionId | undefined;
  readonly permission: Permission;
  readonly secondPress: SecondPress;
  readonly once: Once;
}

export interface Press {
  /**
   * Starts the operation, or gives the one that the same key started. Throws `unknown-verb`, `verb-running`, `denied` (with
   * the reason), `contradicts-finding` (with a token for the second press in `extra`), `invalid-input` (a key that was used
   * for another verb), and what `power.start` throws.
   */
  press(request: PressRequest): Promise<Operation>;
  /** What speaks against the verb now, for a page that asks before it presses. Never fails and never waits long. */
  against(verb: Verb): Promise<Contradiction | undefined>;
}

export interface PressParts {
  readonly target: TargetName;
  readonly power: Pick<Power, 'start' | 'checkFree'>;
  /** Triage from the latest signals. */
  readonly quickTriage: () => Promise<TriageReport>;
  readonly secondPresses: SecondPresses;
  readonly repeats: Repeats;
}

/** An emergency verb is not held up by the wish to know more: quick triage itself takes less. */
const TRIAGE_PATIENCE_MS = 1_000;

const HOW_TO_AGREE: Readonly<Record<SecondPress['type'], string>> = {
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

  /** Undefined: nothing needs to be known, or nothing could be known in time. */
  async function findFirst(verb: Verb): Promise<TriageReport | undefined> {
    if (!isMutating(verb)) return undefined;
    const patience = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => patience.resolve(undefined), TRIAGE_PATIENCE_MS);
    try {
      return await Promise.race([parts.quickTriage().catch(() => undefined), patience.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function start(verb: Verb, request: PressRequest): Promise<Operation> {
    if (isMutating(verb)) power.checkFree(verb);
    const finding = await findFirst(verb);
    // After triage: a policy that was tightened meanwhile holds.
    await permit(verb, request.permission);
    agree(verb, finding, request);
    const { by, session } = request;
    return power.start({ verb, by, finding, ...(session === undefined ? {} : { session_id: session }) });
  }

  /** Throws when something speaks against the verb and this is not the second press. */
  function agree(verb: Verb, finding: TriageReport | undefined, { by, secondPress }: PressRequest): void {
    const against = contradiction(finding, verb);
    if (against === undefined || finding === undefined) return;
    const what = { verb, target, by: `${by.type}:${by.name}`, finding: against.code };
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
        // What was agreed to is what was shown: another finding since then is asked about again.
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
  };
}

async function permit(verb: Verb, permission: Permission): Promise<void> {
  // A person's own buttons work in every mode.
  if (permission.type === 'person') return;
  const reason = await permission.judge(verb);
  if (reason !== undefined) throw new BreakglassError('denied', reason);
}

const contradiction = (finding: TriageReport | undefined, verb: Verb): Contradiction | undefined =>
  finding === undefined || !isMutating(verb) ? undefined : contradictionOf(finding, verb);
