// A plain Debian 12 cloud machine: the files, units and kernel threads that every scenario has. Sizes are those of a real
// installation, held by a few large files instead of forty thousand small ones.
import type { FileSeed, UnitSeed } from '../seed.ts';

const DAY_S = 86_400;
const INSTALLED_DAYS = 190;

export const MACHINE_ID = '5f0c8d1f4b5e4d2c9b1f6a7e3c2d1b0a';
export const JOURNAL_DIR = `/var/log/journal/${MACHINE_ID}`;
export const KERNEL = '6.1.0-37-amd64';
export const KERNEL_BUILD = '#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)';

const words = (text: string): string[] => text.trim().split(/\s+/);
/** The cells of a table, one row a line. */
const rows = (table: string): string[][] =>
  table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s*\|\s*/));

export const DIRECTORIES = words(`
  /boot /etc/systemd/system /home /media /mnt /opt /root /srv /tmp /usr/bin /usr/lib /usr/local/bin /usr/sbin /usr/share
  /var/backups /var/cache/apt/archives /var/lib/dpkg /var/mail /var/spool/cron /var/tmp`);
export const DEVICES = words('null zero full urandom tty sda sda1 sda5');
export const KERNEL_THREADS = words(`
  [kthreadd] [rcu_preempt] [migration/0] [ksoftirqd/0] [kworker/0:0H-events_highpri] [kcompactd0] [khugepaged] [kblockd]
  [kswapd0] [scsi_eh_0] [jbd2/sda1-8] [kworker/u4:2-flush-8:0]`);

// size | mode | group | days ago | path
const LARGE = `
  8178624   | 644 | root            | 190 | /boot/vmlinuz-${KERNEL}
  42991616  | 644 | root            | 190 | /boot/initrd.img-${KERNEL}
  121634816 | 644 | root            | 190 | /usr/lib/x86_64-linux-gnu/libLLVM-15.so.1
  417333248 | 644 | root            | 190 | /usr/lib/modules/${KERNEL}/modules.img
  222298112 | 644 | root            | 190 | /usr/lib/python3/dist-packages/packages.bin
  176160768 | 644 | root            | 190 | /usr/share/doc/doc.bin
  1240311   | 644 | root            | 21  | /var/lib/dpkg/status
  50331648  | 644 | root            | 2   | /var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages
  39845888  | 644 | root            | 2   | /var/cache/apt/pkgcache.bin
  72351744  | 644 | root            | 21  | /var/cache/apt/archives/linux-image-${KERNEL}_6.1.140-1_amd64.deb
  67108864  | 640 | systemd-journal | 26  | ${JOURNAL_DIR}/system@000630a1f2c4-0000000000000001.journal
  67108864  | 640 | systemd-journal | 13  | ${JOURNAL_DIR}/system@000633ab08d1-000000000001c2f4.journal
  67108864  | 640 | systemd-journal | 4   | ${JOURNAL_DIR}/system@0006358fe77a-0000000000038b1e.journal
  25165824  | 640 | systemd-journal | 0   | ${JOURNAL_DIR}/system.journal
  42991616  | 640 | adm             | 7   | /var/log/syslog.1
  0         | 640 | adm             | 0   | /var/log/syslog`;

// mode | path | content
const SMALL = (hostname: string): string => `
  644 | /etc/os-release | PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\\nNAME="Debian GNU/Linux"\\nVERSION_ID="12"\\nID=debian\\n
  644 | /etc/debian_version | 12.11\\n
  644 | /etc/hostname | ${hostname}\\n
  644 | /etc/hosts | 127.0.0.1\\tlocalhost\\n127.0.1.1\\t${hostname}\\n
  644 | /etc/resolv.conf | nameserver 10.20.0.1\\nsearch lan\\n
  644 | /etc/fstab | UUID=2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52 / ext4 errors=remount-ro 0 1\\n/dev/sda5 none swap sw 0 0\\n
  644 | /etc/ssh/sshd_config | PasswordAuthentication no\\nUsePAM yes\\nX11Forwarding no\\n
  640 | /etc/shadow | root:*:19870:0:99999:7:::\\n
  644 | /etc/systemd/journald.conf | [Journal]\\n#Storage=auto\\n#SystemMaxUse=\\n
  644 | /etc/logrotate.d/rsyslog | /var/log/syslog\\n{\\n\\trotate 4\\n\\tweekly\\n\\tcompress\\n}\\n`;

export const baseFiles = (hostname: string): FileSeed[] => [
  ...rows(LARGE).map(([size, mode = '', group = '', days, path = '']) => {
    return { path, group, size: Number(size), mode: Number.parseInt(mode, 8), agoS: Number(days) * DAY_S };
  }),
  ...rows(SMALL(hostname)).map(([mode = '', path = '', text = '']) => {
    const content = text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
    return { path, content, mode: Number.parseInt(mode, 8), agoS: INSTALLED_DAYS * DAY_S };
  }),
];

// unit | description | user | resident KB | what the kernel calls it | command line
const UNITS = `
  systemd-journald | Journal Service | root | 17400 | systemd-journal | /lib/systemd/systemd-journald
  systemd-udevd | Rule-based Manager for Device Events and Files | root | 6100 | systemd-udevd | /lib/systemd/systemd-udevd
  systemd-timesyncd | Network Time Synchronization | systemd-timesync | 6600 | systemd-timesyn | /lib/systemd/systemd-timesyncd
  dbus | D-Bus System Message Bus | messagebus | 4300 | dbus-daemon | /usr/bin/dbus-daemon --system --nofork --nopidfile
  systemd-logind | User Login Management | root | 7200 | systemd-logind | /lib/systemd/systemd-logind
  cron | Regular background program processing daemon | root | 2700 | cron | /usr/sbin/cron -f
  rsyslog | System Logging Service | root | 5900 | rsyslogd | /usr/sbin/rsyslogd -n -iNONE
  ssh | OpenBSD Secure Shell server | root | 9300 | sshd | sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups
  qemu-guest-agent | QEMU Guest Agent | root | 4100 | qemu-ga | /usr/sbin/qemu-ga
  getty@tty1 | Getty on tty1 | root | 1100 | agetty | /sbin/agetty -o -p -- \\u --noclear - linux`;

export const baseUnits = (): UnitSeed[] =>
  rows(UNITS).map(([unit = '', description = '', user = '', rssKb, comm = '', args = '']) => {
    const process = { comm, args, rssKb: Number(rssKb) };
    const listens = unit === 'ssh' ? ['0.0.0.0:22', '[::]:22'] : [];
    return { name: `${unit}.service`, description, user, execStart: args, process, listens };
  });

/** What the kernel says as it boots. */
export const bootLines = (memoryKb: number, cores: number) =>
  rows(`
  0 | 5 | Linux version ${KERNEL} (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0) ${KERNEL_BUILD}
  0 | 6 | Command line: BOOT_IMAGE=/boot/vmlinuz-${KERNEL} root=UUID=2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52 ro console=ttyS0,115200
  0.09 | 6 | Memory: ${memoryKb}K/${Math.round(memoryKb * 1.01)}K available (14342K kernel code, 2335K rwdata, 9152K rodata)
  0.31 | 6 | smp: Brought up 1 node, ${cores} CPUs
  1.34 | 5 | sd 2:0:0:0: [sda] Attached SCSI disk
  2.02 | 6 | EXT4-fs (sda1): mounted filesystem with ordered data mode. Quota mode: none.
  3.4 | 6 | EXT4-fs (sda1): re-mounted. Quota mode: none.
  3.6 | 6 | Adding 999420k swap on /dev/sda5.  Priority:-2 extents:1 across:999420k FS
  4.3 | 6 | virtio_net virtio0 ens18: renamed from eth0`).map(([after, priority, message = '']) => {
    return { afterMs: Number(after) * 1000, priority: Number(priority), message };
  });
