// The control group of a unit: what it takes, what it may take, and the files below /sys that say so.
import { sizeOf } from '../programs/text.ts';
import { pressure } from './memory.ts';
import type { Processes } from './processes.ts';
import type { Unit } from './units.ts';

export const CGROUPS = '/sys/fs/cgroup';

/** Without a process there is none. */
export const cgroupOf = ({ name, pids }: Unit): string => (pids.length === 0 ? '' : `/system.slice/${name}`);

export const memoryOfUnit = (processes: Processes, { pids }: Unit): number =>
  pids.reduce((sum, pid) => sum + (processes.get(pid)?.rssKb ?? 0), 0) * 1024;

/** In bytes, or `infinity`: as `systemctl set-property` left it. */
export const limitOf = ({ limits }: Unit, name: 'MemoryHigh' | 'MemoryMax'): string => {
  const set = limits.get(name) ?? 'infinity';
  return String(sizeOf(set) ?? set);
};

const EVENTS = 'low high max oom oom_kill oom_group_kill';
const kernels = (limit: string): string => `${limit === 'infinity' ? 'max' : limit}\n`;

/** The kernel would take the files away with the last process. */
export const cgroupFiles = (processes: Processes, unit: Unit): Record<string, () => string> => {
  return {
    'memory.current': () => `${memoryOfUnit(processes, unit)}\n`,
    'memory.events': () => EVENTS.replaceAll(/\w+ ?/g, (name) => `${name.trim()} 0\n`),
    'memory.high': () => kernels(limitOf(unit, 'MemoryHigh')),
    'memory.max': () => kernels(limitOf(unit, 'MemoryMax')),
    'memory.pressure': pressure,
    'cgroup.procs': () => unit.pids.map((pid) => `${pid}\n`).join(''),
  };
};
