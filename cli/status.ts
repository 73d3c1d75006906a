// `breakglass status [target]`: how the targets are, as the console sees them. Data goes to stdout, everything else to stderr.
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostKey, HostKeyChange } from '../protocol/host-keys.ts';
import type { TargetState, TargetsAnswer } from '../protocol/me.ts';
import type { StandingFinding } from '../protocol/triage.ts';
import { MUTATING_VERBS } from '../protocol/verbs.ts';
import { visibleJson, visibleLine } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { type ConsoleAddress, get } from './console-client.ts';
import type { Room } from './surroundings.ts';

export interface StatusOptions {
  readonly target: string | undefined;
  readonly json: boolean;
}

/** A console that has just started has asked nobody yet, and a well host answers within a second or two. */
const FIRST_READING_MS = 8_000;
const BETWEEN_LOOKS_MS = 300;

export async function status(
  address: ConsoleAddress,
  { target, json }: StatusOptions,
  { print, talk }: Pick<Room, 'print' | 'talk'>,
  patienceMs: number = FIRST_READING_MS,
): Promise<void> {
  if (target === undefined) {
    const all = await firstRead(
      () => get<TargetsAnswer>(address, '/api/targets'),
      ({ targets }) => targets,
      patienceMs,
    );
    if (json) print(visibleJson(all));
    else for (const line of table(all.targets, Date.now())) print(line);
    for (const line of notKnownYet(all.targets)) talk(line);
    return;
  }
  const state = await firstRead(
    () => get<TargetState>(address, `/api/targets/${encodeURIComponent(target)}`),
    (one) => [one],
    patienceMs,
  );
  if (json) print(visibleJson(state));
  else for (const line of stateLines(state, Date.now())) print(line);
  for (const line of notKnownYet([state])) talk(line);
}

/** Asks again while something is being asked that has never answered, and no longer than so long. */
async function firstRead<T>(
  look: () => Promise<T>,
  statesOf: (answer: T) => readonly TargetState[],
  patienceMs: number,
): Promise<T> {
  const givenUpAt = performance.now() + patienceMs;
  for (;;) {
    const answer = await look();
    if (performance.now() >= givenUpAt || statesOf(answer).every((state) => unanswered(state).length === 0))
      return answer;
    await sleep(BETWEEN_LOOKS_MS);
  }
}

/** Who was asked and has never answered. */
const unanswered = ({ vm, ssh }: TargetState): string[] => [
  ...(isFirst(vm) ? ['the power host'] : []),
  ...(isFirst(ssh) ? ['SSH in the VM'] : []),
];

const isFirst = ({ at, asking }: { at: string | null; asking?: { since: string } }): boolean =>
  at === null && asking !== undefined;

const notKnownYet = (states: readonly TargetState[]): string[] =>
  states.flatMap((state) => {
    const silent = unanswered(state);
    return silent.length === 0
      ? []
      : [
          `${visibleLine(state.name)}: not known yet: ${silent.join(' and ')} ${silent.length === 1 ? 'was' : 'were'} asked and did not answer so far. Look again in a moment.`,
        ];
  });

/** One target with everything that is worth saying of it, to be read by a person. */
export const stateLines = (state: TargetState, nowMs: number): string[] => [
  ...table([state], nowMs),
  ...details(state, nowMs),
];

const HEAD = ['TARGET', 'VM', 'SSH', 'AGENT', 'QMP', 'SEEN'];

const table = (states: readonly TargetState[], nowMs: number): string[] =>
  columns(
    HEAD,
    states.map((state) => row(state, nowMs)),
  );

const row = ({ name, vm, ssh, guest_agent, qmp }: TargetState, nowMs: number): string[] => [
  name,
  vm.state,
  word(ssh),
  word(guest_agent),
  word(qmp),
  age(vm.at, nowMs),
];

const word = ({ answers, asking }: TargetState['qmp']): string =>
  answers === null ? (asking === undefined ? 'not known' : 'asked') : answers ? 'answers' : 'silent';

function age(at: string | null, nowMs: number): string {
  if (at === null) return 'never';
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1_000));
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/** What does not fit into a row. */
const details = (
  { vm, ssh, host_key_changed = [], warnings, operation, finding, verbs, recent, here = [] }: TargetState,
  nowMs: number,
): string[] =>
  [
    ...host_key_changed.map(hostKeyWords),
    ...(vm.detail === undefined ? [] : [`power host: ${vm.detail}`]),
    ...(ssh.detail === undefined ? [] : [`ssh: ${ssh.detail}`]),
    ...(operation === null ? [] : [`running: ${operation.verb} by ${operation.by.name}`]),
    ...(finding === undefined ? [] : [findingWords(finding, nowMs)]),
    ...MUTATING_VERBS.flatMap((verb) => {
      const answer = verbs?.[verb];
      return answer === undefined || answer.applies ? [] : [`${verb} does not apply: ${answer.why}`];
    }),
    ...(recent?.operations ?? []).map(
      ({ verb, by, state, started_at, summary }) =>
        `${age(started_at, nowMs)}: ${verb} by ${by.name}, ${state}${summary === undefined ? '' : `: ${summary}`}`,
    ),
    ...(recent?.evidence === undefined
      ? []
      : [`evidence: ${recent.evidence.id}, ${age(recent.evidence.at, nowMs)}`]),
    ...(here.length === 0 ? [] : [`here: ${here.map(({ name }) => name).join(', ')}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].map(visibleLine);

/** What is past says so first, and advises nothing. */
function findingWords({ report, at, past }: StandingFinding, nowMs: number): string {
  const { code, summary, advised } = report.finding;
  const what = `${summary} (${code}, ${age(at, nowMs)})`;
  if (past !== undefined) return `past finding: ${what} ${past}`;
  return `finding: ${what} ${advised === null ? 'No verb is advised.' : `Advised: ${advised}.`}`;
}

const keyWords = ({ fingerprint, type }: HostKey): string => `${fingerprint} (${type})`;

const hostKeyWords = ({ side, known, offered }: HostKeyChange): string =>
  `host key: the ${side === 'vm' ? 'VM' : 'power host'} shows another one than before: known ${known.map(keyWords).join(' and ') || 'not readable'}, offered ${keyWords(offered)}. If it was rebuilt, accept it on the page. If not, somebody may sit in between.`;
