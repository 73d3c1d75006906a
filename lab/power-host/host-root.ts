// What `breakglass-pve --root DIR` finds below DIR in the lab: the stand-ins and a host that is well.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeTree, readFields } from '../machine/files.ts';

const STAND_INS: readonly (readonly [name: string, source: string])[] = [
  ...(['qm', 'machine', 'kill', 'cat', 'dmesg', 'pvesh'] as const).map(
    (name) => [name, path.join(import.meta.dirname, 'bin', name)] as const,
  ),
  ['process-entry', path.join(import.meta.dirname, '../machine/process-entry')],
];

/** A healthy host under light load. Written once: a scenario may put other files there first. */
const HOST_FILES: Readonly<Record<string, string>> = {
  'proc/loadavg': '1.42 1.10 0.98 2/913 20114\n',
  'proc/meminfo': 'MemTotal:       65761424 kB\nMemFree:        21304112 kB\nMemAvailable:   38120996 kB\n',
  // The lab counts a process's start from 1970, as a host does that was booted then.
  'proc/stat': 'cpu  1 0 1 1 0 0 0 0 0 0\nbtime 0\n',
  'proc/locks': '1: POSIX  ADVISORY  WRITE 1184 00:19:1079 0 EOF\n',
  'proc/pressure/cpu': 'some avg10=0.31 avg60=0.22 avg300=0.18 total=88121903\n',
  'proc/pressure/io':
    'some avg10=0.00 avg60=0.04 avg300=0.06 total=19022311\nfull avg10=0.00 avg60=0.03 avg300=0.05 total=17120044\n',
  'proc/pressure/memory':
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=10422\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9120\n',
  'log/kern.log':
    '[    0.000000] Linux version 6.8.12-9-pve (lab)\n[   11.204113] vmbr0: port 1(eno1) entered forwarding state\n',
};

/** Makes the tree and installs the stand-ins. May be called again. */
export const prepareHostRoot = (dir: string): void => {
  makeTree(dir);
  // Root's home, closed to others: the script's last place for a lock.
  mkdirSync(path.join(dir, 'root'), { recursive: true, mode: 0o700 });
  for (const [name, source] of STAND_INS) {
    const link = path.join(dir, 'bin', name);
    if (!existsSync(link)) symlinkSync(source, link);
  }
  for (const [name, content] of Object.entries(HOST_FILES)) {
    const file = path.join(dir, name);
    if (!existsSync(file)) writeFileSync(file, content);
  }
  linkConfiguration(dir);
};

/** Where Proxmox keeps it, and where the forced command looks for its lock: the file that the stand-in for qm works on. */
const linkConfiguration = (dir: string): void => {
  const vmid = readFields(path.join(dir, 'machine/state'), '=')['vmid'];
  const link = path.join(dir, 'etc/pve/qemu-server', `${vmid}.conf`);
  if (!existsSync(link)) symlinkSync(path.join(dir, 'machine/config'), link);
};
