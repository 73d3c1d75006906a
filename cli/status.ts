// `breakglass status [target]`: how the targets are, as the console sees them. Data goes to stdout, everything else to stderr.
import type { HostKey, HostKeyChange } from '../protocol/host-keys.ts';
import type { TargetState, TargetsAnswer } from '../protocol/me.ts';
import { visibleJson, visibleLine } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { type ConsoleAddress, get } from './console-client.ts';

export interface StatusOptions {
  readonly target: string | undefined;
  readonly json: boolean;
}

export async function status(
  address: ConsoleAddress,
  { target, json }: StatusOptions,
  print: (line: string) => void,
  nowMs: number = Date.now(),
): Promise<void> {
  if (target === undefined) {
    const all = await get<TargetsAnswer>(address, '/api/targets');
    if (json) print(visibleJson(all));
    else for (const line of table(all.targets, nowMs)) print(line);
    return;
  }
  const state = await get<TargetState>(address, `/api/targets/${encodeURIComponent(target)}`);
  if (json) print(visibleJson(state));
  else for (const line of [...table([state], nowMs), ...details(state)]) print(line);
}

const HEAD = ['TARGET', 'VM', 'SSH', 'AGENT', 'QMP', 'SEEN'];

const table = (states: readonly TargetState[], nowMs: number): string[] =>
  columns(
    HEAD,
    states.map((state) => row(state, nowMs)),
  );

const row = ({ name, vm, ssh, guest_agent, qmp }: TargetState, nowMs: number): string[] => [
  name,
  vm.state,
  word(ssh.answers),
  word(guest_agent.answers),
  word(qmp.answers),
  age(vm.at, nowMs),
];

const word = (answers: boolean | null): string => (answers === null ? '?' : answers ? 'answers' : 'silent');

function age(at: string | null, nowMs: number): string {
  if (at === null) return 'never';
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1_000));
  return seconds < 120 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/** What does not fit into a row. */
const details = ({ vm, ssh, host_key_changed = [], warnings, operation }: TargetState): string[] =>
  [
    ...host_key_changed.map(hostKeyWords),
    ...(vm.detail === undefined ? [] : [`power host: ${vm.detail}`]),
    ...(ssh.detail === undefined ? [] : [`ssh: ${ssh.detail}`]),
    ...(operation === null ? [] : [`running: ${operation.verb} by ${operation.by.name}`]),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].map(visibleLine);

const keyWords = ({ fingerprint, type }: HostKey): string => `${fingerprint} (${type})`;

const hostKeyWords = ({ side, known, offered }: HostKeyChange): string =>
  `host key: the ${side === 'vm' ? 'VM' : 'power host'} shows another one than before: known ${known.map(keyWords).join(' and ') || 'not readable'}, offered ${keyWords(offered)}. If it was rebuilt, accept it on the page. If not, somebody may sit in between.`;
