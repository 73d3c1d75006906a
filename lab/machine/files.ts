// The files of a simulated machine, as bash writes them: `key=value` lines in machine/state, `key: value` lines in
// machine/config and machine/pending (what `qm config` prints), the process table in proc/. A file is replaced whole, never
// edited, so that a reader sees the old or the new.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export type Fields = Readonly<Record<string, string>>;

/** Directories that the stand-ins and `breakglass-pve --root` expect below the machine's directory. */
const DIRECTORIES = [
  'machine',
  'proc/pressure',
  'run/qemu-server',
  'lock/qemu-server',
  'log',
  'state',
  'log/pve/tasks',
  'etc/pve/local',
  'etc/pve/qemu-server',
  'bin',
] as const;

const PROCESS_ENTRY = path.join(import.meta.dirname, 'process-entry');

export const makeTree = (dir: string): void => {
  for (const name of DIRECTORIES) mkdirSync(path.join(dir, name), { recursive: true });
};

/** Lines `key<separator>value`; what is not one is skipped. */
export const readFields = (file: string, separator: '=' | ': '): Fields => {
  const fields: Record<string, string> = {};
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const at = line.indexOf(separator);
    if (at > 0) fields[line.slice(0, at)] = line.slice(at + separator.length);
  }
  return fields;
};

export const writeFields = (file: string, separator: '=' | ': ', fields: Fields): void => {
  const lines = Object.entries(fields).map(([key, value]) => `${key}${separator}${value}\n`);
  writeFileSync(`${file}.new`, lines.join(''));
  renameSync(`${file}.new`, file);
};

/** Puts a QEMU process into the lab's process table (files only; nothing runs). */
export const addProcess = (dir: string, vmid: number, pid: number, startedAtMs: number): void => {
  execFileSync(PROCESS_ENTRY, [dir, String(vmid), String(pid), String(startedAtMs)]);
};

export const processExists = (dir: string, pid: string): boolean =>
  /^\d+$/.test(pid) && existsSync(path.join(dir, 'proc', pid, 'stat'));
