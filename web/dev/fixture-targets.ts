// The machines that the fixture server has, and how each answers. Sets of one, three and twenty.
import type { HostKeyChange, HostKeySide } from '../../protocol/host-keys.ts';
import type { TargetState } from '../../protocol/me.ts';

export interface FixtureTarget {
  readonly name: string;
  readonly title?: string;
  vm: string;
  ssh: boolean | null;
  qmp: boolean | null;
  /** `unreachable`: its power host refuses at once. `half-open`: it takes the connection and never says anything. */
  reach: 'ok' | 'unreachable' | 'half-open';
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
    operation,
  };
};
