// What monitors send, as alerts of one shape. Pure. All text in it was written by whoever can make a monitor ring: it is cut and made
// visible here, once, before anything is stored or shown. Labels are kept as they came only to compare them with the configuration.
import { createHash } from 'node:crypto';
import type { AlertmanagerBody, GenericAlertBody, UptimeKumaBody } from '../../protocol/alerts.ts';
import { visibleLine } from '../../protocol/visible-text.ts';

export interface Alert {
  /** The same for the same trouble, whoever delivers it. */
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly title: string;
  readonly detail: string;
  /** As they came: not for people. */
  readonly labels: Readonly<Record<string, string>>;
  /** Beside the labels, where the monitor can name a target. */
  readonly target: string | undefined;
}

export interface Delivery {
  readonly source: Source;
  readonly alerts: readonly Alert[];
  /** Why there is no alert in it, or not all: a sentence for a person. */
  readonly remark: string | undefined;
}

export type Source = 'Alertmanager' | 'Uptime Kuma' | 'a monitor';

const TITLE_CHARACTERS = 160;
const DETAIL_CHARACTERS = 500;
const LABEL_CHARACTERS = 100;
const LABELS_TOLD = 12;

/** One line, cut, with stand-ins for what is invisible. */
export function told(text: string, characters: number): string {
  // Cut before and after: a stand-in is longer than what it stands for.
  const line = visibleLine(text.slice(0, characters + 1)).trim();
  return line.length <= characters ? line : `${line.slice(0, characters - 1).toWellFormed()}…`;
}

/** The first labels in words, for a person and for the agent. */
export const labelsTold = (labels: Alert['labels']): string =>
  Object.entries(labels)
    .slice(0, LABELS_TOLD)
    .map(([name, value]) => `${told(name, LABEL_CHARACTERS)}="${told(value, LABEL_CHARACTERS)}"`)
    .join(', ');

const fingerprintOf = (source: Source, ...parts: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([source, ...parts]))
    .digest('hex')
    .slice(0, 16);

const sorted = (labels: Alert['labels']): string =>
  JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

const own = (labels: Alert['labels'] | undefined, name: string): string =>
  labels !== undefined && Object.hasOwn(labels, name) ? (labels[name] ?? '').trim() : '';

export function fromAlertmanager({ alerts, truncatedAlerts = 0 }: AlertmanagerBody): Delivery {
  const source = 'Alertmanager';
  return {
    source,
    alerts: alerts.map(({ status, labels, annotations, fingerprint }): Alert => {
      const [name, instance] = [
        own(labels, 'alertname') || 'An alert without a name',
        own(labels, 'instance'),
      ];
      const summary = own(annotations, 'summary');
      return {
        fingerprint: fingerprintOf(source, fingerprint || sorted(labels)),
        status,
        title: told(`${name}${summary || instance ? ': ' : ''}${summary || instance}`, TITLE_CHARACTERS),
        detail: told(own(annotations, 'description') || summary, DETAIL_CHARACTERS),
        labels,
        target: undefined,
      };
    }),
    remark:
      truncatedAlerts > 0
        ? `Alertmanager left out ${truncatedAlerts} alerts (max_alerts): nothing is known of them.`
        : undefined,
  };
}

export function fromUptimeKuma({ heartbeat, monitor, msg }: UptimeKumaBody): Delivery {
  const source = 'Uptime Kuma';
  const nothing = (remark: string): Delivery => ({ source, alerts: [], remark });
  if (heartbeat === null) return nothing('The test message has arrived. It opens no incident.');
  if (heartbeat.status === 2)
    return nothing('Pending: Uptime Kuma still tries, so nothing is opened or closed.');
  if (heartbeat.status === 3) return nothing('Maintenance: nothing is opened or closed.');
  const name = monitor?.name?.trim() || 'A monitor without a name';
  const id = monitor?.id === undefined || monitor.id === null ? name : String(monitor.id);
  const given = {
    monitor: monitor?.name,
    type: monitor?.type,
    hostname: monitor?.hostname,
    url: monitor?.url,
  };
  const tags = (monitor?.tags ?? []).map((tag) => [tag.name, tag.value] as const);
  const labels = Object.fromEntries(
    [...tags, ...Object.entries(given), ['monitor_id', id] as const].flatMap(([label, value]) =>
      label && value ? [[label, value]] : [],
    ),
  );
  return {
    source,
    alerts: [
      {
        fingerprint: fingerprintOf(source, id),
        status: heartbeat.status === 0 ? 'firing' : 'resolved',
        title: told(`${name} is ${heartbeat.status === 0 ? 'down' : 'up'}`, TITLE_CHARACTERS),
        detail: told(heartbeat.msg ?? msg ?? '', DETAIL_CHARACTERS),
        labels,
        target: undefined,
      },
    ],
    remark: undefined,
  };
}

export function fromGeneric({
  title,
  status,
  fingerprint,
  target,
  labels,
  detail,
}: GenericAlertBody): Delivery {
  const source = 'a monitor';
  const given = labels ?? {};
  return {
    source,
    alerts: [
      {
        fingerprint: fingerprintOf(
          source,
          ...(fingerprint === undefined ? [title, target ?? '', sorted(given)] : [fingerprint]),
        ),
        status,
        title: told(title, TITLE_CHARACTERS),
        detail: told(detail ?? '', DETAIL_CHARACTERS),
        labels: given,
        target,
      },
    ],
    remark: undefined,
  };
}
