// The room of alerts for its tests: a real journal, targets whose triage the test gives, and a clock that the test moves.
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { NewEvent } from '../../protocol/events.ts';
import { eventId, type TargetName } from '../../protocol/ids.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import type { Journal } from '../journal/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { TriageCause } from '../readings/triage-run.ts';
import type { Targets } from '../targets/targets.ts';
import { type Alerts, type AlertsParts, startAlerts } from './alerts.ts';
import type { Alert } from './incoming.ts';

export const devvm = 'devvm' as TargetName;

export const reportOf = (over: Partial<TriageReport['finding']> = {}): TriageReport => ({
  target: devvm,
  at: '2026-11-27T02:31:00.000Z',
  cautions: [],
  finding: {
    code: 'block-path-stalled',
    summary: 'The disk I/O of the VM is stalled inside QEMU.',
    confidence: 0.9,
    advised: 'cycle',
    warned: ['reset'],
    advice: 'Cycle it.',
    inputs: [],
    ...over,
  },
});

export const alert = (fingerprint: string, more: Partial<Alert> = {}): Alert => ({
  fingerprint,
  status: 'firing',
  title: `SshDown ${fingerprint}`,
  detail: 'SSH is silent.',
  labels: {},
  target: undefined,
  ...more,
});

export interface RoomOptions {
  readonly targets?: readonly string[];
  readonly triage?: (cause: TriageCause) => Promise<TriageReport>;
  readonly agent?: AlertsParts['agent'];
  readonly hasObserver?: boolean;
  readonly running?: () => Operation | undefined;
  readonly triageLimitMs?: number;
}

export function openRoom(dir: string, options: RoomOptions = {}) {
  const clock = { ms: Date.parse('2026-11-27T02:31:00.000Z') };
  const now = (): number => clock.ms;
  const journal = openJournal(dir, { now });
  const causes: TriageCause[] = [];
  let refuse = false;
  const { targets = [devvm] } = options;
  const guarded = {
    ...journalPort(journal),
    append: (events: readonly NewEvent[]) =>
      refuse ? Promise.reject(new Error('the disk is full (test)')) : journal.append(events),
  };
  const alerts = startAlerts({
    journal: guarded,
    targets: targets.map((name) => ({ name: name as TargetName, alerts: [] })),
    find: () => ({
      diagnosis: {
        triage: (cause) => {
          causes.push(cause);
          return (options.triage ?? (async () => reportOf()))(cause);
        },
      },
      power: { running: options.running ?? (() => undefined) },
      guest: { hasObserver: options.hasObserver ?? false },
    }),
    agent: options.agent ?? { wanted: false, letLook: () => Promise.reject(new Error('nobody may ask')) },
    logger: pino({ level: 'silent' }),
    now,
    ...(options.triageLimitMs === undefined ? {} : { triageLimitMs: options.triageLimitMs }),
  });
  return {
    alerts,
    journal,
    clock,
    /** Who asked for triage. */
    causes,
    /** Makes the journal refuse every append, and take them again. */
    refuse: (yes: boolean) => {
      refuse = yes;
    },
    deliver: (...given: readonly Alert[]) =>
      alerts.deliver({ source: 'Alertmanager', alerts: given, remark: undefined }),
    events: () => journal.read({}, eventId(0), 100_000),
    async close() {
      await alerts.close();
      await journal.close();
    },
  };
}

/** The room over the targets of a test of the routes. */
export function alertsOver(journal: Journal, targets: Targets): Alerts {
  const alerts = startAlerts({
    journal,
    targets: targets.all.map(({ name }) => ({ name, alerts: [] })),
    find: (name) => targets.find(name),
    agent: { wanted: false, letLook: () => Promise.reject(new Error('nobody may ask')) },
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => alerts.close());
  return alerts;
}

/** The methods of a class, so that one of them can be replaced. */
const journalPort = (journal: ReturnType<typeof openJournal>): AlertsParts['journal'] => ({
  append: (events) => journal.append(events),
  read: (filter, after, limit) => journal.read(filter, after, limit),
  newest: (filter, limit) => journal.newest(filter, limit),
  count: (filter, after) => journal.count(filter, after),
  head: () => journal.head(),
  follow: (filter, listener) => journal.follow(filter, listener),
  followAppends: (listener) => journal.followAppends(listener),
  sessions: (request) => journal.sessions(request),
  targetOf: (id) => journal.targetOf(id),
  open: () => journal.open(),
  bytes: () => journal.bytes(),
  removable: (request) => journal.removable(request),
  remove: (old) => journal.remove(old),
  loose: (request) => journal.loose(request),
  removeLoose: (request) => journal.removeLoose(request),
  outbox: (channel) => journal.outbox(channel),
  health: () => journal.health(),
  close: () => journal.close(),
});
