// The state of one target as it is shown: the readings with their ages, and the verb that runs.
import { applicability } from '../../protocol/applicable-verbs.ts';
import type { HostKeyChange, HostKeySide } from '../../protocol/host-keys.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';
import type { Evidence } from '../evidence/port.ts';
import type { Power } from '../power/port.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import { versionWarning } from '../power-host/version.ts';
import type { Diagnosis } from '../readings/diagnosis.ts';
import { knownVm, SHOWN_AS_KNOWN_MS } from '../readings/known-vm.ts';
import type { Readings } from '../readings/readings.ts';
import { type Since, standing } from '../readings/standing-finding.ts';
import { knownValue } from '../triage/reading.ts';
import type { PastOfTarget } from './past-of-target.ts';

export interface Shown {
  readonly name: TargetName;
  readonly title: string | undefined;
  readonly readings: Pick<Readings, 'host' | 'ssh' | 'askedSince'>;
  readonly evidence: Pick<Evidence, 'latest'>;
  readonly power: Pick<Power, 'running' | 'lastChange'>;
  readonly diagnosis: Pick<Diagnosis, 'found' | 'looking'>;
  readonly past: Pick<PastOfTarget, 'recent' | 'found' | 'verb'>;
  /** When a host key of this side was last accepted, Unix milliseconds; 0: never. */
  readonly keyAcceptedAt: (side: HostKeySide) => number;
}

/** What is known now. It asks nobody. */
export function targetState(shown: Shown): TargetState {
  const { name, title, readings, evidence, power } = shown;
  const answer = readings.host();
  const probe = readings.ssh();
  const status = answer?.value.status;
  const changed = hostKeyChanges(shown);
  const recent = shown.past.recent();
  const looking = shown.diagnosis.looking();
  const hostAsked = asking(shown, 'power_host', answer?.at);
  const why = answer?.value.status === undefined ? answer?.value.detail : undefined;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    vm: {
      state: status?.vmState ?? 'unknown',
      at: answer?.at ?? null,
      ...(why === undefined ? {} : { detail: why }),
      ...hostAsked,
    },
    ssh: {
      answers: probe?.value.answers ?? null,
      reading: probe?.value.reading ?? 'unknown',
      at: probe?.at ?? null,
      ...(probe === undefined ? {} : { detail: probe.value.detail }),
      ...asking(shown, 'vm', probe?.at),
    },
    qmp: {
      answers: status?.qmp === 'answers' ? true : status?.qmp === 'silent' ? false : null,
      at: status?.qmp === undefined ? null : (answer?.at ?? null),
      ...hostAsked,
    },
    guest_agent: { ...agentReading(status?.guestAgent, answer?.at, evidence.latest()), ...hostAsked },
    warnings: warningsOf(answer?.value),
    ...(changed.length === 0 ? {} : { host_key_changed: changed }),
    verbs: verbsThatApply(shown),
    ...standingFinding(shown),
    ...(looking === undefined
      ? {}
      : { looking: { since: new Date(looking.sinceMs).toISOString(), longer: looking.longer } }),
    ...(recent === undefined ? {} : { recent }),
    operation: power.running() ?? null,
  };
}

/** Only while there is no answer that says something about now: what is asked again every few seconds is no news. */
function asking(
  { readings, power }: Pick<Shown, 'readings' | 'power'>,
  side: HostKeySide,
  answeredAt: string | undefined,
): { asking?: { since: string } } {
  const sinceMs = readings.askedSince(side);
  if (sinceMs === undefined) return {};
  const answeredMs = answeredAt === undefined ? Number.NEGATIVE_INFINITY : Date.parse(answeredAt);
  const change = power.lastChange();
  const isOver = change !== undefined && answeredMs <= (change.endedAtMs ?? change.beganAtMs);
  if (Date.now() - answeredMs <= SHOWN_AS_KNOWN_MS && !isOver) return {};
  return { asking: { since: new Date(sinceMs).toISOString() } };
}

function standingFinding({ readings, power, diagnosis, past }: Shown): Pick<TargetState, 'finding'> {
  const found = diagnosis.found() ?? past.found();
  if (found === undefined) return {};
  return { finding: standing(found, sinceThen({ readings, power, past })) };
}

type Knowing = Pick<Shown, 'power' | 'past'> & { readonly readings: Pick<Readings, 'host' | 'ssh'> };

/** What is known to have happened until now. */
export const sinceThen = ({ readings, power, past }: Knowing): Since => ({
  nowMs: Date.now(),
  host: readings.host(),
  ssh: readings.ssh(),
  verb: later(power.lastChange(), past.verb()),
});

/** What this process began may not be recorded, and what an earlier one began is known from the record only. */
const later = (ours: Since['verb'], recorded: Since['verb']): Since['verb'] =>
  ours === undefined || (recorded?.beganAtMs ?? 0) > ours.beganAtMs ? recorded : ours;

function verbsThatApply({ readings, power }: Shown): NonNullable<TargetState['verbs']> {
  const vm = knownVm(readings.host(), {
    nowMs: Date.now(),
    freshMs: SHOWN_AS_KNOWN_MS,
    changedAtMs: changedAtMs(power),
  });
  const of = (verb: MutatingVerb) => applicability(vm, verb);
  return { cycle: of('cycle'), reset: of('reset'), start: of('start'), stop: of('stop') };
}

/** Until a verb has ended everything that was seen may be over already. */
export function changedAtMs({ lastChange }: Pick<Power, 'lastChange'>): number {
  const change = lastChange();
  if (change === undefined) return Number.NEGATIVE_INFINITY;
  return change.endedAtMs ?? Number.POSITIVE_INFINITY;
}

/** The sides of which the last look said that they show another host key than before. A look that is older than the key says nothing. */
export function hostKeyChanges({
  readings,
  keyAcceptedAt,
}: Pick<Shown, 'readings' | 'keyAcceptedAt'>): readonly HostKeyChange[] {
  const [host, vm] = [readings.host(), readings.ssh()];
  const ofHost = host?.value.status === undefined ? host?.value.hostKey : undefined;
  const seen = [
    { side: 'power_host', at: host?.at, change: ofHost },
    { side: 'vm', at: vm?.at, change: vm?.value.hostKey },
  ] as const;
  return seen.flatMap(({ side, at, change }) =>
    at === undefined || change === undefined || Date.parse(at) < keyAcceptedAt(side)
      ? []
      : [{ side, ...change }],
  );
}

function warningsOf(answer: StatusAnswer | undefined): readonly string[] {
  if (answer === undefined) return [];
  if (answer.status !== undefined) return versionWarning(answer.version);
  return answer.otherVm === undefined ? [] : [answer.detail];
}

function agentReading(
  told: boolean | undefined,
  at: string | undefined,
  latest: ReturnType<Evidence['latest']>,
): TargetState['guest_agent'] {
  if (told !== undefined) return { answers: told, at: at ?? null };
  const captured = knownValue(latest?.signals.guestAgent);
  if (latest === undefined || captured === undefined || captured === 'not-configured')
    return { answers: null, at: null };
  return {
    answers: captured === 'answers',
    at: new Date(latest.atMs).toISOString(),
    detail: 'as of the latest evidence',
  };
}
