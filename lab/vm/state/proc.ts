// /proc and the little of /sys that people read: made at reading, from the same state as free, ps and uptime.
import { ROOT } from './credentials.ts';
import { KERNEL, KERNEL_BUILD } from './debian.ts';
import type { GuestView } from './guest-view.ts';
import { memoryOf } from './memory.ts';
import type { Process } from './processes.ts';

const meminfo = (guest: GuestView): string => {
  const memory = memoryOf(guest);
  const rows: [string, number][] = [
    ['MemTotal', memory.totalKb],
    ['MemFree', memory.freeKb],
    ['MemAvailable', memory.availableKb],
    ['Buffers', memory.buffersKb],
    ['Cached', memory.cachedKb],
    ['SwapCached', 0],
    ['Active', Math.round(memory.usedKb * 0.6)],
    ['Inactive', Math.round(memory.cachedKb * 0.7)],
    ['SwapTotal', memory.swapTotalKb],
    ['SwapFree', memory.swapFreeKb],
    ['Dirty', 312],
    ['Writeback', 0],
    ['Shmem', 9_800],
    ['Slab', 148_200],
  ];
  return rows.map(([name, kb]) => `${`${name}:`.padEnd(16)}${String(kb).padStart(8)} kB\n`).join('');
};

const loadavg = (guest: GuestView): string => {
  const rows = guest.processes.list();
  const last = rows.at(-1)?.pid ?? 1;
  return `${guest
    .load()
    .load.map((value) => value.toFixed(2))
    .join(' ')} 1/${rows.length * 2} ${last}\n`;
};

const mounts = (guest: GuestView): string =>
  guest.tree.mounts.map((fs) => `${fs.source} ${fs.mount} ${fs.type} ${fs.options} 0 0\n`).join('');

const swaps = (guest: GuestView): string => {
  const { swapTotalKb, swapFreeKb } = memoryOf(guest);
  const row =
    swapTotalKb === 0
      ? ''
      : `/dev/sda5                               partition\t${swapTotalKb}\t\t${swapTotalKb - swapFreeKb}\t\t-2\n`;
  return `Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n${row}`;
};

const cpuinfo = (guest: GuestView): string =>
  Array.from(
    { length: guest.cores() },
    (_, index) =>
      `processor\t: ${index}\nvendor_id\t: GenuineIntel\nmodel name\t: QEMU Virtual CPU version 2.5+\ncpu MHz\t\t: 2399.998\ncpu cores\t: ${guest.cores()}\n\n`,
  ).join('');

const pressure = (): string =>
  'some avg10=0.00 avg60=0.00 avg300=0.00 total=81234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=70112\n';

const MADE: Readonly<Record<string, (guest: GuestView) => string>> = {
  '/proc/meminfo': meminfo,
  '/proc/loadavg': loadavg,
  '/proc/uptime': (guest) =>
    `${guest.uptimeS().toFixed(2)} ${(guest.uptimeS() * guest.cores() * 0.93).toFixed(2)}\n`,
  '/proc/version': () => `Linux version ${KERNEL} (debian-kernel@lists.debian.org) ${KERNEL_BUILD}\n`,
  '/proc/cmdline': () =>
    `BOOT_IMAGE=/boot/vmlinuz-${KERNEL} root=UUID=2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52 ro console=tty0\n`,
  '/proc/mounts': mounts,
  '/etc/mtab': mounts,
  '/proc/swaps': swaps,
  '/proc/cpuinfo': cpuinfo,
  '/proc/pressure/io': pressure,
  '/proc/pressure/memory': pressure,
  '/proc/pressure/cpu': pressure,
  '/proc/sys/kernel/hostname': (guest) => `${guest.seed.hostname}\n`,
  '/proc/sys/kernel/osrelease': () => `${KERNEL}\n`,
};

const status = (row: Process, guest: GuestView): string =>
  `Name:\t${row.comm}\nState:\t${row.stat[0]}\nPid:\t${row.pid}\nPPid:\t${row.ppid}\nUid:\t${row.uid}\t${row.uid}\t${row.uid}\t${row.uid}\nVmRSS:\t${String(row.rssKb).padStart(8)} kB\nThreads:\t1\nCpus_allowed_list:\t0-${guest.cores() - 1}\n`;

const place = (guest: GuestView, path: string, made: () => string, mode = 0o444, uid = 0): void => {
  if (guest.tree.find(path, ROOT)) return;
  guest.tree.makeDirs(path.slice(0, path.lastIndexOf('/')), ROOT, { mode: 0o555 });
  guest.tree.place(path, 'file', ROOT, { mode, uid }, { made });
};

/** Brings the directories of processes up to date. Called before anything looks below /proc. */
export const syncProc = (guest: GuestView): void => {
  for (const [path, made] of Object.entries(MADE)) place(guest, path, () => made(guest));
  const proc = guest.tree.lookup('/proc', ROOT);
  for (const name of proc.entries.keys()) {
    if (/^\d+$/.test(name) && !guest.processes.get(Number(name))) proc.entries.delete(name);
  }
  for (const row of guest.processes.list()) {
    const base = `/proc/${row.pid}`;
    if (proc.entries.has(String(row.pid))) continue;
    place(guest, `${base}/status`, () => status(row, guest), 0o444, row.uid);
    place(guest, `${base}/comm`, () => `${row.comm}\n`, 0o644, row.uid);
    place(
      guest,
      `${base}/cmdline`,
      () => (row.args.startsWith('[') ? '' : `${row.args.replaceAll(' ', '\0')}\0`),
      0o444,
      row.uid,
    );
    place(
      guest,
      `${base}/environ`,
      () => 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\0LANG=C.UTF-8\0',
      0o400,
      row.uid,
    );
  }
};
