// What was answered and what may be done without asking, as sentences of the transcript.
import type { JournalEvent } from '../../../protocol/events.ts';
import { localTime } from './words.ts';

type EventOf<Kind extends JournalEvent['kind']> = Extract<JournalEvent, { kind: Kind }>;

export const resolvedWords = ({ answer, by, reason }: EventOf<'approval_resolved'>): string => {
  switch (answer) {
    case 'approved':
      return `Approved by ${by}.`;
    case 'denied':
      return `Denied by ${by}.${reason === undefined ? '' : ` ${reason}`}`;
    case 'expired':
      return 'Nobody answered in time, so it was not run.';
    case 'void':
      return 'The policy was tightened, so it was not run.';
  }
};

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
