// Tasks of the simulated host: the list of what runs, as Proxmox keeps it, and a process in the lab's table for each that lives (files
// only; nothing runs). Lines: https://git.proxmox.com/?p=pve-common.git (PVE::RESTEnvironment, active_workers).
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface TaskSeed {
  /** As Proxmox names it, e.g. `vzdump`, `vncproxy`. */
  readonly type: string;
  /** The VM's number; empty for a job of several VMs. */
  readonly id: string;
  readonly user: string;
  /** When it began. */
  readonly agoS: number;
  /** How long ago it was killed, which left it on the list. Without: it lives. */
  readonly killedAgoS?: number;
}

const FIRST_PID = 28_109;

const hex = (value: number): string => Math.floor(value).toString(16).toUpperCase().padStart(8, '0');

export const writeTasks = (dir: string, tasks: readonly TaskSeed[]): void => {
  const nowMs = Date.now();
  const lines = tasks.map(({ type, id, user, agoS, killedAgoS }, index) => {
    const pid = FIRST_PID + index * 211;
    const beganMs = nowMs - agoS * 1000;
    // Of a process the lab counts ticks from 1970, as a host does that was booted then.
    const ticks = Math.floor(beganMs / 10);
    const upid = `UPID:lab:${hex(pid)}:${hex(ticks)}:${hex(beganMs / 1000)}:${type}:${id}:${user}:`;
    if (killedAgoS !== undefined) return `${upid} 1 ${hex(nowMs / 1000 - killedAgoS)} unexpected status\n`;
    addWorker(dir, pid, ticks, upid);
    return `${upid} 0\n`;
  });
  writeFileSync(path.join(dir, 'log/pve/tasks/active'), lines.join(''));
};

/** A worker calls itself after its task; the kernel keeps fifteen characters of that. */
const addWorker = (dir: string, pid: number, ticks: number, upid: string): void => {
  const entry = path.join(dir, 'proc', String(pid));
  const task = path.join(entry, 'task', String(pid));
  mkdirSync(task, { recursive: true });
  const name = `task ${upid}`;
  const stat = `${pid} (${name.slice(0, 15)}) S 1 ${pid} ${pid} 0 -1 4194624 9120 0 0 0 31 4 0 0 20 0 1 0 ${ticks} 241664000 31200\n`;
  writeFileSync(path.join(entry, 'cmdline'), `${name}\0`);
  for (const at of [entry, task]) writeFileSync(path.join(at, 'stat'), stat);
};
