// What headlines are made of: the cause in at most twelve words, what can be counted first. A name that somebody else chose counts as one
// word, whatever it is. Pure.
import { disksStill, stuckQueues } from './conditions.ts';
import { knownValue } from './reading.ts';
import type { Signals } from './signals.ts';

const LONGEST_NAME = 32;

/** Names of states, locks and users come from the host. */
export const oneWord = (name: string): string =>
  name
    .trim()
    .split(/\s+/)[0]
    ?.replace(/[.,;:]+$/, '')
    .slice(0, LONGEST_NAME) || 'unnamed';

/** `No disk writes for 27 min.`; undefined where that is not known, or may be the border between two values. */
export function noWrites({ history }: Signals): string | undefined {
  const told = knownValue(history);
  if (told === undefined || told.wroteMinutes === 0 || told.quietMinutes < 2) return undefined;
  return `No disk writes for ${told.quietMinutes} min.`;
}

/** The same, or what the samples saw; undefined where neither says that the disks are still. */
export function disksRest(s: Signals): string | undefined {
  const history = noWrites(s);
  if (history !== undefined) return history;
  if (disksStill(s) !== 'yes') return undefined;
  return `No disk activity for ${Math.round(stillForS(s))} s.`;
}

/** How long no disk moved at all. */
export const stillForS = (s: Signals): number =>
  Math.min(...(knownValue(s.disks) ?? []).map(({ stillForS: seconds }) => seconds));

/** `virtio0 holds 17 requests, completes none`, or how many disks do: the summary names them. */
export function heldRequests(s: Signals): string {
  const stuck = stuckQueues(s);
  const devices = [...new Set(stuck.map(({ device }) => device))];
  const [device] = devices;
  if (device === undefined || devices.length > 1)
    return `${devices.length} disks hold requests, complete none`;
  const held = stuck.reduce((sum, { inUse }) => sum + inUse, 0);
  return `${oneWord(device)} holds ${held} request${held === 1 ? '' : 's'}, completes none`;
}

const SSH_SAYS = {
  works: 'SSH works.',
  refused: 'SSH refuses us.',
  silent: 'SSH is silent.',
  unreachable: 'SSH has no route.',
  unknown: 'SSH was not asked.',
} as const;

export const sshSays = ({ ssh }: Signals): string => SSH_SAYS[ssh.reading];

/** `12 MiB/s swapped`. */
export function swapped({ memory }: Signals): string {
  const told = knownValue(memory);
  const bytes = (told?.swapInPerS ?? 0) + (told?.swapOutPerS ?? 0);
  return `${Math.max(1, Math.round(bytes / 1024 ** 2))} MiB/s swapped`;
}
