// What is asked, what was answered, and what may be done without asking, in words. Pure.
import type { Approval, ApprovalAnswer, ApprovalOutcome, PolicyMode } from '../../../protocol/approvals.ts';
import type { JournalEvent } from '../../../protocol/events.ts';
import { visibleLine } from '../../../protocol/visible-text.ts';
import { localTime } from './words.ts';

type EventOf<Kind extends JournalEvent['kind']> = Extract<JournalEvent, { kind: Kind }>;
type Resolved = Pick<EventOf<'approval_resolved'>, 'answer' | 'by' | 'reason'>;

/** A call that waits for a person, or waited. */
export interface Question {
  readonly approvalId: string;
  /** Null while it waits. */
  readonly answer: ApprovalAnswer | null;
  readonly by: string;
  readonly reason: string | undefined;
}

export const resolvedWords = ({ answer, by, reason }: Resolved): string => {
  switch (answer) {
    case 'approved':
      return `Approved by ${by}.`;
    case 'denied':
      return `Denied by ${by}${reason === undefined ? '.' : `: ${reason}`}`;
    case 'expired':
      return 'Nobody answered in time, so it was not run.';
    case 'void':
      return 'The policy was tightened, so it was not run.';
  }
};

/** On the card of the call; empty where nobody was asked. */
export const questionWords = (question: Question | null): string => {
  if (question === null) return '';
  const { answer, by, reason } = question;
  return answer === null ? 'Waits for an answer.' : resolvedWords({ answer, by, ...(reason && { reason }) });
};

/** What is asked for, short enough for a notice. */
const shortly = ({ asked, target }: Approval): string => {
  if ('verb' in asked) return `${asked.verb} ${target}`;
  const line = visibleLine(asked.input.command);
  return `“${line.length > 40 ? `${line.slice(0, 40)}…` : line}” on ${target}`;
};

/** For whoever saw the question here and answered it elsewhere, or did not. */
export const becameWords = (approval: Approval, resolved: Resolved): string =>
  `${shortly(approval)}: ${resolvedWords(resolved)}`;

export const endedWords = (approval: Approval): string =>
  `${shortly(approval)}: answered elsewhere, or ended by itself. Its session says how.`;

export const takenWords = (approval: Approval, { answer, grant }: ApprovalOutcome): string =>
  `${shortly(approval)}: ${answer}${grant === undefined ? '' : `, and repairs until ${localTime(grant.expires_at)}`}.`;

/** As on a kitchen clock: 9:41. */
export const countdown = (ms: number): string => {
  const seconds = Math.max(0, Math.ceil(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};

export interface ApprovalFace {
  readonly title: string;
  /** A command as root; the loud one. */
  readonly isRepair: boolean;
  readonly holdLabel: string;
  /** What the third choice is; empty where there is none. */
  readonly grantLabel: string;
  /** What else belongs to the call, beside command and stdin. */
  readonly facts: readonly string[];
  /** The agent knows that triage speaks against it. */
  readonly despite: string;
}

export const approvalFace = ({ asked, target, observer, grant_minutes }: Approval): ApprovalFace => {
  if ('verb' in asked)
    return {
      title: `${asked.verb} ${target}, from its power host`,
      isRepair: false,
      holdLabel: `Hold to ${asked.verb} ${target}`,
      grantLabel: '',
      facts: [],
      despite:
        asked.input.despite_finding === true
          ? 'Triage speaks against it; Claude says that it knows better.'
          : '',
    };
  const isRepair = asked.account === 'repair';
  const { timeout_s, despite_finding } = asked.input;
  return {
    title: isRepair ? `Repair account on ${target}: root` : `Observer account on ${target}`,
    isRepair,
    holdLabel: 'Hold to approve',
    grantLabel:
      grant_minutes === undefined
        ? ''
        : observer
          ? `Also the next repairs in this session, for ${grant_minutes} minutes`
          : `Also anything else as root in this session, for ${grant_minutes} minutes`,
    facts: timeout_s === undefined ? [] : [`It may run for ${timeout_s} s.`],
    despite: despite_finding === true ? 'Triage speaks against it; Claude says that it knows better.' : '',
  };
};

export const MODE_WORDS: Readonly<Record<PolicyMode, { readonly name: string; readonly says: string }>> = {
  observe: { name: 'Only look', says: 'It looks, and changes nothing. What it would change is refused.' },
  ask: { name: 'Ask', says: 'It looks by itself. Each change waits for a person.' },
  autonomous: { name: 'Act without asking', says: 'It repairs without asking, and uses few verbs.' },
};

const RANK: Readonly<Record<PolicyMode, number>> = { observe: 0, ask: 1, autonomous: 2 };
/** Such a mode ends by itself. */
export const isLooser = (mode: PolicyMode, than: PolicyMode): boolean => RANK[mode] > RANK[than];

const GRANT_ENDS: Readonly<Record<EventOf<'grant_ended'>['why'], string>> = {
  ended: 'was ended',
  expired: 'ended by itself',
  tightened: 'ended: the policy was tightened',
  restarted: 'ended: the server was started again',
};

export const policyWords = (
  event: EventOf<'grant_started'> | EventOf<'grant_ended'> | EventOf<'policy_changed'>,
): string => {
  switch (event.kind) {
    case 'grant_started':
      return `${event.by} allows repair commands in this session until ${localTime(event.expires_at)}.`;
    case 'grant_ended':
      return `The grant for repair commands ${GRANT_ENDS[event.why]}.`;
    case 'policy_changed':
      return event.loosened_until === undefined
        ? `The policy of this session is ${event.mode} now (${event.by}).`
        : `The policy of this session is ${event.mode} until ${localTime(event.loosened_until)} (${event.by}).`;
  }
};
