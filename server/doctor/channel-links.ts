// What leaves this machine, and the people: each channel by what became of what it sent last, and the time since the last drill. Nothing is
// sent for it.

import type { TargetName } from '../../protocol/ids.ts';
import type { ChannelName, NotificationChannel } from '../../protocol/notifications.ts';
import type { AuditChannel } from '../audit/audit.ts';
import type { ChannelTest } from '../notify/notify.ts';
import {
  broken,
  type Chain,
  doubtful,
  type LinkLook,
  notChecked,
  notUsed,
  type Seen,
  works,
} from './link.ts';

export interface LastDrill {
  readonly target: TargetName;
  /** UTC, ISO 8601. */
  readonly at: string;
  readonly ok: boolean;
  /** The steps that failed. */
  readonly failed: readonly string[];
}

export interface ChannelParts {
  /** Undefined: nobody is told while there is no journal. */
  readonly notify:
    | { channels(): readonly NotificationChannel[]; tested(name: ChannelName): ChannelTest | undefined }
    | undefined;
  /** How many browsers get push. */
  readonly pushDevices: () => number;
  readonly audit: { state(): Promise<readonly AuditChannel[]> } | undefined;
  /** Of each target that was ever drilled; undefined: there is no record to look it up in. */
  readonly lastDrills: () => Promise<readonly LastDrill[] | undefined>;
  readonly targets: readonly TargetName[];
  readonly now: () => number;
}

const NOTIFY = { push: 'Web Push', ntfy: 'ntfy', webhook: 'Webhook' } as const satisfies Record<
  ChannelName,
  string
>;
const AUDIT = { 'audit-syslog': 'Audit log by syslog', 'audit-webhook': 'Audit log to a webhook' } as const;
const DRILL_DAYS = 90;
const DAY_MS = 86_400_000;

export function channelChain(parts: ChannelParts): Chain {
  const links: readonly LinkLook[] = [
    ...(Object.keys(NOTIFY) as ChannelName[]).map(
      (name): LinkLook => ({
        code: `notify-${name}`,
        title: `Notifications: ${NOTIFY[name]}`,
        needs: [],
        look: async () => lookAtChannel(name, parts),
      }),
    ),
    ...(Object.keys(AUDIT) as (keyof typeof AUDIT)[]).map(
      (code): LinkLook => ({
        code,
        title: AUDIT[code],
        needs: [],
        look: async () => lookAtAudit(code, await parts.audit?.state()),
      }),
    ),
    {
      code: 'drill',
      title: 'Last drill',
      needs: [],
      look: async () => lookAtDrills(await parts.lastDrills(), parts),
    },
  ];
  return { links };
}

const NO_JOURNAL = 'Without the journal nothing leaves this machine.';

function lookAtChannel(name: ChannelName, { notify, pushDevices }: ChannelParts): Seen {
  if (notify === undefined) return notChecked(NO_JOURNAL);
  const channel = notify.channels().find((each) => each.name === name);
  if (channel?.on !== true || (name === 'push' && pushDevices() === 0))
    return notUsed(channel?.detail ?? 'Not set up.');
  const remedy = `Cure what it says, then press Test under Notifications on the page.`;
  const tested = notify.tested(name);
  const last = channel.last;
  const latest = tested !== undefined && (last === null || tested.at > last.at) ? tested : last;
  if (channel.trouble !== null && latest !== tested) return broken(channel.trouble, remedy);
  if (latest === null || latest === undefined)
    return doubtful(
      `Nothing was sent by it lately. ${channel.detail}`,
      'Press Test under Notifications on the page, or run a drill.',
    );
  if (latest.result === 'failed') return broken(`The last one did not arrive: ${latest.detail}`, remedy);
  if (latest.result === 'no-device') return notUsed(latest.detail);
  return works(`The last one went out on ${latest.at.slice(0, 16).replace('T', ' ')} UTC. ${latest.detail}`);
}

function lookAtAudit(code: keyof typeof AUDIT, channels: readonly AuditChannel[] | undefined): Seen {
  if (channels === undefined) return notChecked(NO_JOURNAL);
  const channel = channels.find(({ name }) => name === code);
  if (channel === undefined)
    return notUsed(`Not set up: BREAKGLASS_${code.toUpperCase().replace('-', '_')}.`);
  if (channel.trouble !== undefined)
    return broken(
      `Nothing arrives there: ${channel.trouble.why}. ${channel.trouble.waiting} events wait in the journal.`,
      'Look at the receiver and the way to it. What waits is sent by itself, in order, when it takes events again.',
    );
  return channel.sentAt === null
    ? doubtful(
        'Nothing has arrived there yet.',
        'Look again in a minute; every start and every sign-in is sent.',
      )
    : works(`Everything up to ${channel.sentAt.slice(0, 16).replace('T', ' ')} UTC has arrived there.`);
}

function lookAtDrills(drills: readonly LastDrill[] | undefined, { targets, now }: ChannelParts): Seen {
  if (drills === undefined) return notChecked('Without the journal it is not known when the last drill was.');
  const seen = targets.map((target) => {
    const last = drills.find((each) => each.target === target);
    const days = last === undefined ? undefined : Math.floor((now() - Date.parse(last.at)) / DAY_MS);
    return { target, last, days };
  });
  const words = ({ target, last, days }: (typeof seen)[number]): string =>
    last === undefined
      ? `${target} never`
      : `${target} ${days === 0 ? 'today' : `${days} days ago`}${last.ok ? '' : `, and ${last.failed.join(' and ')} failed`}`;
  const said = `Drilled: ${seen.map(words).join('; ')}.`;
  const due = seen.find(({ last, days = DRILL_DAYS + 1 }) => last?.ok !== true || days > DRILL_DAYS);
  return due === undefined
    ? works(said)
    : doubtful(
        said,
        `Walk the way of a night: \`breakglass drill ${due.target}\`, or Drill on the page. It changes nothing but that evidence is captured.`,
      );
}
