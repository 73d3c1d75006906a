// What a notification says: a function from the event, and from what happened around it, to a few words. They cross machines of others and
// stand on a locked phone, so no command, no prompt and no output is ever in them. Pure.
import type { LinkName } from '../../protocol/doctor.ts';
import type { JournalEvent, JournaledKind } from '../../protocol/events.ts';
import { isMutating } from '../../protocol/verbs.ts';
import { visibleLine } from '../../protocol/visible-text.ts';

export interface Notification {
  readonly title: string;
  readonly body: string;
  /** Where a tap leads, below the address of the console. */
  readonly url: string;
  readonly urgency: 'high' | 'normal';
  /** How long after the event it is worth anything, in seconds. */
  readonly ttl_s: number;
  /** A later one with the same tag takes its place. */
  readonly tag: string;
}

/** What the event alone does not tell. */
export interface Around {
  /** Of the turn that ended; undefined where its beginning is not known. */
  readonly turn:
    | { readonly ms: number; readonly how: 'done' | 'error' | 'interrupted' | 'stopped' }
    | undefined;
}

export const NOTIFIED_KINDS = [
  'approval_requested',
  'turn_end',
  'power_finished',
  'incident_verdict',
  'incident_closed',
  'examined',
] as const satisfies readonly JournaledKind[];

type Told = Extract<JournalEvent, { kind: (typeof NOTIFIED_KINDS)[number] }>;
const isTold = (event: JournalEvent): event is Told =>
  (NOTIFIED_KINDS as readonly JournaledKind[]).includes(event.kind);

/** News of something that is over may wait for the morning; what asks for a hand must come in the night. */
const VERDICT_LIFE_S = 4 * 3_600;
const NEWS_LIFE_S = 3_600;
/** A link that broke is looked at by day: it is worth a word until the next examination says it again. */
const LINKS_LIFE_S = 24 * 3_600;
const TITLE_CHARACTERS = 80;
const BODY_CHARACTERS = 240;

/** Undefined: nobody has to be told. @param turnMs a turn that ran less long is no news */
export function notificationOf(
  event: JournalEvent,
  around: Around,
  turnMs: number,
): Notification | undefined {
  const said = isTold(event) ? wordsOf(event, around, turnMs) : undefined;
  if (said === undefined) return undefined;
  const title = `${event.target ?? 'Breakglass'}: ${said.title}`;
  return { ...said, title: line(title, TITLE_CHARACTERS), body: line(said.body, BODY_CHARACTERS) };
}

function wordsOf(event: Told, { turn }: Around, turnMs: number): Notification | undefined {
  switch (event.kind) {
    case 'approval_requested': {
      const ttl_s = secondsBetween(event.at, event.expires_at);
      const what = 'verb' in event.asked ? 'uses a verb of the power host' : 'runs a command in the VM';
      return {
        title: 'the agent asks you',
        body: `It waits for a yes or a no before it ${what}. It can be answered for ${duration(ttl_s * 1_000)}.`,
        url: sessionUrl(event),
        urgency: 'high',
        ttl_s,
        tag: `approval-${event.approval_id}`,
      };
    }
    case 'turn_end': {
      // Whoever stopped it knows.
      if (turn === undefined || turn.ms < turnMs || turn.how === 'stopped') return undefined;
      return {
        title: TURN_ENDS[turn.how],
        body: `After ${duration(turn.ms)}. What it says is in the session.`,
        url: sessionUrl(event),
        urgency: 'normal',
        ttl_s: NEWS_LIFE_S,
        tag: `turn-${event.session_id ?? ''}`,
      };
    }
    case 'power_finished': {
      if (!isMutating(event.verb)) return undefined;
      // Not the summary: it may quote what the host printed.
      const { vm_state, ssh_answers } = event.outcome ?? {};
      const vm = vm_state === undefined ? 'The state of the VM is not known.' : `The VM is ${vm_state}.`;
      const ssh = ssh_answers === undefined ? '' : ssh_answers ? ' SSH answers.' : ' SSH does not answer.';
      return {
        title:
          event.state === 'unknown' ? `how ${event.verb} ended is not known` : `${event.verb} ${event.state}`,
        body: `${vm}${ssh}`,
        url: `/#/${event.target === undefined ? '' : `t/${event.target}/`}power`,
        urgency: 'normal',
        ttl_s: NEWS_LIFE_S,
        tag: `operation-${event.operation_id ?? event.id}`,
      };
    }
    case 'incident_verdict':
      return {
        title: event.title,
        body: event.detail,
        url: sessionUrl(event),
        urgency: 'high',
        ttl_s: VERDICT_LIFE_S,
        tag: `incident-${event.incident_id}`,
      };
    case 'incident_closed':
      return {
        title: `over: ${event.title}`,
        body: `Closed by ${event.by}.`,
        url: sessionUrl(event),
        urgency: 'high',
        ttl_s: NEWS_LIFE_S,
        tag: `incident-${event.incident_id}`,
      };
    case 'examined':
      return wordsOfLinks(event);
  }
}

/** Undefined while nothing broke that worked, and nothing works again. What was seen stays on the page: it may quote a host. */
function wordsOfLinks({
  newly_broken,
  mended,
}: Extract<Told, { kind: 'examined' }>): Notification | undefined {
  if (newly_broken.length === 0 && mended.length === 0) return undefined;
  const again = mended.length === 0 ? '' : `Works again: ${namesOf(mended)}.`;
  const form = { url: '/#/links', urgency: 'normal', ttl_s: LINKS_LIFE_S, tag: 'doctor' } as const;
  if (newly_broken.length === 0)
    return { ...form, title: 'what was broken works again', body: `${again} Doctor looked at all links.` };
  return {
    ...form,
    title: newly_broken.length === 1 ? 'a link broke' : `${newly_broken.length} links broke`,
    body: `Broken: ${namesOf(newly_broken)}. ${again} Doctor says what to do.`.replace('  ', ' '),
  };
}

const namesOf = (links: readonly LinkName[]): string =>
  links.map(({ code, target }) => (target === undefined ? code : `${code} of ${target}`)).join(', ');

export const testNotification = (): Notification => ({
  title: 'Breakglass: a test',
  body: 'Notifications reach you by this way.',
  url: '/#/',
  urgency: 'high',
  ttl_s: 60,
  tag: 'test',
});

const TURN_ENDS: Readonly<Record<'done' | 'error' | 'interrupted', string>> = {
  done: 'the agent is done',
  error: 'the agent ended with an error',
  interrupted: 'the agent was interrupted',
};

/** The forms of an address are those of web/src/state/route-hash.ts. */
const sessionUrl = ({ session_id }: JournalEvent): string =>
  session_id === undefined ? '/#/' : `/#/s/${session_id}`;

const secondsBetween = (from: string, to: string): number =>
  Math.max(1, Math.ceil((Date.parse(to) - Date.parse(from)) / 1_000)) || 1;

export function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Titles of alerts come from outside. */
function line(text: string, most: number): string {
  const characters = Array.from(visibleLine(text.slice(0, 4 * most)).trim());
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`;
}
