// A group of processes that may hold so much memory and no more, as a container runtime makes one. Version 1 or 2 of the kernel's
// interface, whichever this machine has. Only root can.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Held {
  /** What only ending a process, or deleting a file of a tmpfs, gives back. */
  readonly firmMb: number;
  /** All of it, with the pages of files, which the kernel takes back when it needs them. */
  readonly allMb: number;
}

export interface Cgroup {
  readonly dir: string;
  held(): Held;
  /** How often the kernel ended a process because the limit was reached. */
  kills(): number;
  remove(): void;
}

const MIB = 1_048_576;

export function makeCgroup(name: string, limitMb: number): Cgroup {
  const isV1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  const dir = path.join(isV1 ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', name);
  const read = (file: string): string => readFileSync(path.join(dir, file), 'utf8');
  const field = (file: string, key: string): number =>
    Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(read(file))?.[1] ?? 0);
  mkdirSync(dir);
  const limit = String(limitMb * MIB);
  if (isV1) {
    writeFileSync(path.join(dir, 'memory.limit_in_bytes'), limit);
    writeFileSync(path.join(dir, 'memory.memsw.limit_in_bytes'), limit);
  } else {
    writeFileSync(path.join(dir, 'memory.max'), limit);
    writeFileSync(path.join(dir, 'memory.swap.max'), '0');
  }
  return {
    dir,
    held: () => ({
      firmMb:
        (isV1
          ? field('memory.stat', 'total_rss') + field('memory.stat', 'total_shmem')
          : field('memory.stat', 'anon') + field('memory.stat', 'shmem') + field('memory.stat', 'kernel')) /
        MIB,
      allMb: Number(read(isV1 ? 'memory.usage_in_bytes' : 'memory.current')) / MIB,
    }),
    kills: () => (isV1 ? field('memory.oom_control', 'oom_kill') : field('memory.events', 'oom_kill')),
    remove: () => rmdirSync(dir),
  };
}
