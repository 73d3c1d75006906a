// The machines that the fixture server has, and how each answers. Sets of one, three and twenty.
import type { HostKeyChange, HostKeySide } from '../../protocol/host-keys.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { DiskWrites } from '../../protocol/triage.ts';
import { evidenceIdOf, triageReport } from './fixture-scripts.ts';

export interface FixtureTarget {
  readonly name: string;
  readonly title?: string;
  vm: string;
  ssh: boolean | null;
  qmp: boolean | null;
  /** `unreachable`: its power host refuses at once. `half-open`: it takes the connection and never says anything. */
  reach: 'ok' | 'unreachable' | 'half-open';
  /** What triage found; `past`: a verb ran since. */
  found?: 'stalled' | 'past';
  /** What a device that has just come is told: the last verbs, the last evidence, who is here. */
  lived?: boolean;
  /** The sides that show another host key, and which one they offer. */
  changed: readonly HostKeyChange[];
}

const fingerprintOf = (letter: string): string => `SHA256:${letter.repeat(20)}/k3+${letter.repeat(19)}`;

/** @param letter tells one key from another */
export const hostKeyChange = (side: HostKeySide, letter: string): HostKeyChange => ({
  side,
  known: [{ type: 'ED25519', fingerprint: fingerprintOf('o') }],
  offered: { type: 'ED25519', fingerprint: fingerprintOf(letter) },
});

const target = (name: string, more: Partial<FixtureTarget> = {}): FixtureTarget => ({
  name,
  vm: 'running',
  ssh: true,
  qmp: true,
  reach: 'ok',
  changed: [],
  ...more,
});

/** As it was before there could be several. */
const one = () => [target('devvm', { ssh: false })];

const three = () => [
  target('devvm', { title: 'Development' }),
  target('db-1', { title: 'Orders database', ssh: false }),
  target('web-1', { vm: 'stopped', ssh: false, qmp: null }),
];

/** Most are well; one power host cannot be reached and one is half-open. */
const twenty = () => {
  const special: Record<number, Partial<FixtureTarget>> = {
    4: { title: 'Orders database', ssh: false },
    9: { reach: 'unreachable' },
    13: { reach: 'half-open' },
    17: { vm: 'stopped', ssh: null, qmp: null },
  };
  return Array.from({ length: 20 }, (_, index) =>
    target(index === 0 ? 'devvm' : `vm-${String(index).padStart(2, '0')}`, special[index]),
  );
};

export const SETS = { one, three, twenty } as const;
export type SetName = keyof typeof SETS;

const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

/** Until 27 minutes ago it wrote. */
export const hourOf = (stalled: boolean): DiskWrites => ({
  from: minutesAgo(60) as DiskWrites['from'],
  step_s: 60,
  bytes_per_s: Array.from({ length: 60 }, (_, minute) =>
    stalled && minute >= 33 ? 0 : Math.round(9e6 + 6e6 * Math.sin(minute / 3) + 3e6 * Math.sin(minute * 2.3)),
  ),
});

const findingOf = ({ name, found }: FixtureTarget): Record<string, unknown> =>
  found === undefined
    ? {}
    : {
        finding: {
          report: triageReport(name, false),
          at: new Date().toISOString(),
          hour: hourOf(true),
          ...(found === 'past' ? { past: 'cycle ran since, at 02:58.' } : {}),
        },
      };

const livedOf = ({ name, lived }: FixtureTarget): Record<string, unknown> =>
  lived !== true
    ? {}
    : {
        recent: {
          evidence: { id: evidenceIdOf(name), at: minutesAgo(12) },
          operations: [
            {
              id: 'a1',
              verb: 'cycle',
              by: { type: 'operator', name: 'ana' },
              state: 'succeeded',
              started_at: minutesAgo(12),
              summary: 'running, new QEMU process, SSH answered after 21 s',
            },
            {
              id: 'a2',
              verb: 'reset',
              by: { type: 'agent', name: 'claude' },
              state: 'failed',
              started_at: minutesAgo(95),
              summary: 'the guest did not answer within 60 s',
            },
            {
              id: 'a3',
              verb: 'forensics',
              by: { type: 'operator', name: 'operator' },
              state: 'succeeded',
              started_at: minutesAgo(26 * 60),
            },
          ],
        },
        here: [
          { name: 'operator', since: minutesAgo(3) },
          { name: 'ana', since: minutesAgo(14) },
        ],
      };

/** The readings have the wire's type. Names and operations here are made up, so no parser has made them ids. */
type FixtureState = Omit<TargetState, 'name' | 'operation'> & {
  readonly name: string;
  readonly operation: unknown;
};

export const stateOf = (one: FixtureTarget, operation: unknown): FixtureState => {
  const at = new Date().toISOString();
  const named = { name: one.name, ...(one.title === undefined ? {} : { title: one.title }) };
  const never = { answers: null, at: null };
  if (one.reach !== 'ok')
    return {
      ...named,
      vm:
        one.reach === 'half-open'
          ? { state: 'unknown', at: null }
          : { state: 'unknown', at, detail: 'The power host does not answer: no route to host.' },
      ssh: { ...never, reading: 'unknown' },
      qmp: never,
      guest_agent: never,
      warnings: [],
      operation,
    };
  return {
    ...named,
    ...(one.changed.length === 0 ? {} : { host_key_changed: one.changed }),
    vm: { state: one.vm, at },
    ssh: {
      answers: one.ssh,
      reading: one.ssh === null ? 'unknown' : one.ssh ? 'works' : 'silent',
      at: one.ssh === null ? null : at,
    },
    qmp: { answers: one.qmp, at: one.qmp === null ? null : at },
    guest_agent: { answers: one.vm === 'running' && one.ssh === true ? true : null, at },
    warnings: [],
    ...findingOf(one),
    ...livedOf(one),
    operation,
  };
};
