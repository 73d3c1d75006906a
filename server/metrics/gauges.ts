// What is read when somebody scrapes: what the console knows at that moment. Nobody is asked for it, so a scrape never causes an SSH
// connection, and what is not known is not there. One that cannot be read leaves the others alone.

import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import type { Doctor, Link } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Count } from './count.ts';

/** All of it is at hand in the process. */
export interface Known {
  /** Of this program. */
  readonly version: string;
  readonly targets: readonly { readonly name: TargetName; known(): Pick<TargetState, 'vm' | 'ssh'> }[];
  readonly doctor: () => Doctor;
  /** How often doctor looks by itself; undefined: never. */
  readonly selfTestHours: number | undefined;
  /** Undefined: power only, so there is no journal, no session and no agent. */
  readonly conversation:
    | {
        /** Whether the journal takes events now. */
        readonly writes: () => boolean;
        readonly sessions: () => {
          readonly turns: number;
          readonly queued: number;
          readonly watched: number;
        };
        readonly liveAgents: () => number;
        readonly waitingApprovals: () => number;
        readonly hasIncident: (target: TargetName) => boolean;
        readonly auditWaiting: () => readonly { readonly channel: string; readonly events: number }[];
      }
    | undefined;
}

interface Row {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export function addGauges(registry: Registry, known: Known, count: Count, logger: Logger): void {
  const { targets, conversation } = known;
  const gauge = (
    name: string,
    help: string,
    labelNames: readonly string[],
    rows: () => readonly Row[],
  ): void => {
    new Gauge({
      name: `breakglass_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        // What has no label is left at zero by that, which would be a claim.
        if (labelNames.length === 0) this.remove();
        try {
          for (const { labels = {}, value } of rows()) this.set(labels, value);
        } catch (error) {
          logger.error({ err: error, metric: name }, 'a metric could not be read');
        }
      },
    });
  };
  const single = (name: string, help: string, read: () => number): void =>
    gauge(name, help, [], () => [{ value: read() }]);
  const lastSuccess = rememberSuccess(known.doctor);

  gauge('build_info', 'Always 1: which program this is.', ['version', 'node'], () => [
    { labels: { version: known.version, node: process.version }, value: 1 },
  ]);
  gauge('operations_running', 'Operations that are under way.', ['target'], () => {
    const running = count.running();
    return targets.map(({ name }) => ({ labels: { target: name }, value: running.get(name) ?? 0 }));
  });
  single('journal_up', '1: the journal takes events. 0: nothing is recorded; the verbs work.', () =>
    conversation?.writes() === true ? 1 : 0,
  );
  gauge(
    'link_up',
    'Whether a link of the chain worked when it was last looked at, by the self-test or by a reading.',
    ['target', 'code'],
    () => linksOf(known).map(({ labels, up }) => ({ labels, value: up ? 1 : 0 })),
  );
  gauge('link_seen_timestamp_seconds', 'When that was.', ['target', 'code'], () =>
    linksOf(known).map(({ labels, atS }) => ({ labels, value: atS })),
  );
  gauge(
    'link_doubtful',
    '1: the self-test found that the link works, and that something about it will hurt.',
    ['target', 'code'],
    () =>
      looked(known.doctor()).map((link) => ({
        labels: labelsOf(link),
        value: link.state === 'doubtful' ? 1 : 0,
      })),
  );
  gauge('self_test_links', 'Links of the last self-test by what it found.', ['state'], () =>
    Object.entries(known.doctor().last?.count ?? {}).map(([state, value]) => ({ labels: { state }, value })),
  );
  gauge('self_test_broken_links', 'Links that the last self-test found broken.', [], () => {
    const { last } = known.doctor();
    return last === null ? [] : [{ value: last.count.broken }];
  });
  single('self_test_last_run_timestamp_seconds', 'When the last self-test began; 0: none is known.', () =>
    secondsOf(known.doctor().last?.at),
  );
  single(
    'self_test_last_success_timestamp_seconds',
    'When the last self-test began that found nothing broken; 0: none is known to this process.',
    lastSuccess,
  );
  single(
    'self_test_interval_seconds',
    'How often the self-test runs by itself; 0: never.',
    () => (known.selfTestHours ?? 0) * 3_600,
  );
  if (conversation === undefined) return;
  single(
    'turns_running',
    'Turns that are under way, those that wait for a slot or a person included.',
    () => conversation.sessions().turns,
  );
  single(
    'prompts_queued',
    'Prompts that wait behind a turn of their session.',
    () => conversation.sessions().queued,
  );
  single('sessions_watched', 'Sessions that somebody is attached to.', () => conversation.sessions().watched);
  single('agents_live', "The agent's processes, those that are ending included.", conversation.liveAgents);
  single(
    'approvals_waiting',
    'Questions of the agent that wait for a person.',
    conversation.waitingApprovals,
  );
  gauge('incidents_open', 'Incidents that are open, at most one a target.', ['target'], () =>
    targets.map(({ name }) => ({
      labels: { target: name },
      value: conversation.hasIncident(name) ? 1 : 0,
    })),
  );
  gauge(
    'audit_outbox_waiting',
    'Events of the audit log that waited when its receiver last did not take them.',
    ['channel'],
    () => conversation.auditWaiting().map(({ channel, events }) => ({ labels: { channel }, value: events })),
  );
}

const secondsOf = (at: string | null | undefined): number =>
  at === null || at === undefined ? 0 : Date.parse(at) / 1_000;

/** Doctor knows the last examination only. */
function rememberSuccess(doctor: Known['doctor']): () => number {
  let successS = 0;
  return () => {
    const { last } = doctor();
    if (last !== null && last.count.broken === 0) successS = secondsOf(last.at);
    return successS;
  };
}

/** Those that could be looked at. */
const looked = ({ last }: Doctor): readonly Link[] =>
  last?.links.filter(({ state }) => state === 'works' || state === 'doubtful' || state === 'broken') ?? [];

/** A link of the console itself has no target: for Prometheus an empty label is none. */
const labelsOf = ({ target, code }: Pick<Link, 'target' | 'code'>): Record<string, string> => ({
  target: target ?? '',
  code,
});

interface SeenLink {
  readonly labels: Readonly<Record<string, string>>;
  readonly up: boolean;
  readonly atS: number;
}

/** Of the self-test, and of the readings of each target, whichever is newer. */
function linksOf({ doctor, targets }: Known): readonly SeenLink[] {
  const examined = doctor();
  const ofTest = looked(examined).map((link) => ({
    labels: labelsOf(link),
    up: link.state !== 'broken',
    atS: secondsOf(examined.last?.at),
  }));
  const ofReadings = targets.flatMap((each) => {
    const { vm, ssh } = each.known();
    const seen = (code: Link['code'], up: boolean, at: string | null): readonly SeenLink[] =>
      at === null ? [] : [{ labels: labelsOf({ target: each.name, code }), up, atS: secondsOf(at) }];
    return [
      ...seen('vm-shell', ssh.answers === true, ssh.at),
      ...seen('power-status', vm.state !== 'unknown', vm.at),
    ];
  });
  const newest = new Map<string, SeenLink>();
  for (const link of [...ofTest, ...ofReadings]) {
    const key = JSON.stringify(link.labels);
    if ((newest.get(key)?.atS ?? 0) <= link.atS) newest.set(key, link);
  }
  return [...newest.values()];
}
