// The kernel's lines of a boot, as dmesg and the journal show them, and the two stamps of Debian's logs.
import { KERNEL, KERNEL_BUILD } from './debian.ts';
import type { GuestView } from './guest-view.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const pad = (value: number): string => String(value).padStart(2, '0');

/** `Jun 23 04:05:06`, UTC. */
export const syslogStamp = (ms: number): string => {
  const at = new Date(ms);
  const time = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
  return `${MONTHS[at.getUTCMonth()]} ${pad(at.getUTCDate())} ${time}`;
};

const LINES = (memoryKb: number, cores: number): readonly [number, number, string][] => [
  [
    0,
    5,
    `Linux version ${KERNEL} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0) ${KERNEL_BUILD}`,
  ],
  [
    0,
    6,
    `Command line: BOOT_IMAGE=/boot/vmlinuz-${KERNEL} root=UUID=2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52 ro console=tty0 console=ttyS0,115200`,
  ],
  [
    0,
    6,
    'DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org 04/01/2014',
  ],
  [0, 6, 'Hypervisor detected: KVM'],
  [
    0.09,
    6,
    `Memory: ${memoryKb}K/${Math.round(memoryKb * 1.01)}K available (14342K kernel code, 2335K rwdata, 9152K rodata)`,
  ],
  [0.31, 6, `smp: Brought up 1 node, ${cores} CPUs`],
  [1.2, 6, 'scsi host2: Virtio SCSI HBA'],
  [1.23, 5, 'scsi 2:0:0:0: Direct-Access     QEMU     QEMU HARDDISK    2.5+ PQ: 0 ANSI: 5'],
  [1.31, 6, ' sda: sda1 sda2 < sda5 >'],
  [1.34, 5, 'sd 2:0:0:0: [sda] Attached SCSI disk'],
  [2.02, 6, 'EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.'],
  [2.9, 6, 'systemd[1]: systemd 252.38-1~deb12u1 running in system mode'],
  [3.4, 6, 'EXT4-fs (sda1): re-mounted. Quota mode: none.'],
  [3.6, 6, 'Adding 999420k swap on /dev/sda5.  Priority:-2 extents:1 across:999420k FS'],
  [4.3, 6, 'virtio_net virtio0 ens18: renamed from eth0'],
];

export const logBoot = (guest: GuestView, atMs: number): void => {
  const entry = { boot: guest.bootNumber, unit: undefined, pid: undefined };
  for (const [after, priority, message] of LINES(guest.memoryMib() * 1000, guest.cores())) {
    guest.journal.add({
      ...entry,
      atMs: atMs + after * 1000,
      ident: 'kernel',
      priority,
      message,
      kernel: true,
    });
  }
  guest.journal.add({
    ...entry,
    atMs: atMs + 4_600,
    ident: 'systemd',
    pid: 1,
    priority: 6,
    message: 'Reached target multi-user.target - Multi-User System.',
    kernel: false,
  });
};
