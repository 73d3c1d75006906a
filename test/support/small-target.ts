// A target for tests of the rooms above it: the real press, in front of the power that the test gives.
import type { KnownVm } from '../../protocol/applicable-verbs.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { parseTargets, type TargetsConfig } from '../../server/config/targets.ts';
import type { Evidence } from '../../server/evidence/port.ts';
import type { Guest } from '../../server/guest/port.ts';
import type { Power } from '../../server/power/port.ts';
import { createPress } from '../../server/press/press.ts';
import { createRepeats } from '../../server/press/repeats.ts';
import { createSecondPresses } from '../../server/press/second-press.ts';
import type { Target } from '../../server/targets/target.ts';
import { createTargets, type Targets } from '../../server/targets/targets.ts';

export interface SmallTarget {
  readonly power: Power;
  readonly triage?: Target['diagnosis']['triage'];
  readonly quickTriage?: () => Promise<TriageReport>;
  /** Absent: nothing is known of the VM. */
  readonly vmNow?: () => Promise<KnownVm | undefined>;
  readonly evidence?: Evidence;
  readonly state?: Partial<TargetState>;
  readonly acceptHostKey?: Target['acceptHostKey'];
  /** A glance hangs until this resolves. */
  readonly glance?: () => Promise<void>;
}

/** Evidence that keeps nothing. */
export const noEvidence: Evidence = {
  collect: async () => undefined,
  latest: () => undefined,
  outdated: () => {},
  list: async () => [],
  read: async () => undefined,
  picture: async () => undefined,
  archive: async () => undefined,
};

function smallTarget(name: TargetName, parts: SmallTarget): Target {
  const { power, evidence = noEvidence } = parts;
  const known = (): TargetState => ({
    name,
    vm: { state: 'running', at: null },
    ssh: { answers: null, reading: 'unknown', at: null },
    qmp: { answers: null, at: null },
    guest_agent: { answers: null, at: null },
    warnings: [],
    operation: null,
    ...parts.state,
  });
  const quick = parts.quickTriage ?? (() => Promise.reject(new Error('triage is broken')));
  return {
    name,
    title: undefined,
    policy: 'autonomous',
    guest: {} as Guest,
    power,
    press: createPress({
      target: name,
      power,
      quickTriage: quick,
      vmNow: parts.vmNow ?? (() => Promise.reject(new Error('the host cannot be asked'))),
      secondPresses: createSecondPresses(),
      repeats: createRepeats((operation) => power.get(operation.id)),
    }),
    diagnosis: {
      triage: parts.triage ?? (() => Promise.reject(new BreakglassError('internal', 'no triage here'))),
      quick,
      looking: () => undefined,
      found: () => undefined,
      overtaken: () => undefined,
      confirm: async () => {},
    },
    evidence,
    state: async () => known(),
    watched: () => {},
    glance: parts.glance ?? (async () => {}),
    known,
    acceptHostKey:
      parts.acceptHostKey ?? (() => Promise.reject(new BreakglassError('internal', 'no ssh here'))),
    shutdownBy: async () => undefined,
    close: async () => {},
  };
}

/** Targets as a file would describe them. The first is the default. */
const targetsNamed = (...names: readonly string[]): TargetsConfig =>
  parseTargets(
    JSON.stringify({
      default: names[0],
      targets: Object.fromEntries(
        names.map((name, index) => [
          name,
          { vm: { host: '127.0.0.1' }, power: { host: '127.0.0.1', user: `breakglass-${100 + index}` } },
        ]),
      ),
    }),
    'test.yaml',
    { vmUser: 'breakglass', powerUser: 'root', keyPath: '/does/not/exist' },
  );

export const smallTargets = (all: Readonly<Record<string, SmallTarget>>): Targets =>
  createTargets(targetsNamed(...Object.keys(all)), ({ name }) => {
    const parts = all[name];
    if (parts === undefined) throw new Error(`no parts for ${name}`);
    return smallTarget(name, parts);
  });
