// A plain Debian 12 cloud machine: the files, units and processes that every scenario has. Sizes are those of a real
// installation, held by a few large files instead of forty thousand small ones.
import type { FileSeed, ProcessSeed, UnitSeed } from '../seed.ts';

const MIB = 1024 * 1024;
const DAY_S = 86_400;

export const MACHINE_ID = '5f0c8d1f4b5e4d2c9b1f6a7e3c2d1b0a';
export const KERNEL = '6.1.0-37-amd64';
export const KERNEL_BUILD = '#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)';

const OS_RELEASE = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
`;

export const EMPTY_DIRECTORIES = [
  '/boot',
  '/dev',
  '/etc/systemd/system',
  '/etc/logrotate.d',
  '/etc/apt',
  '/etc/ssh',
  '/etc/sudoers.d',
  '/home',
  '/media',
  '/mnt',
  '/opt',
  '/proc',
  '/root',
  '/run',
  '/srv',
  '/sys',
  '/tmp',
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib/systemd/system',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/share',
  '/var/cache/apt/archives/partial',
  '/var/lib/dpkg',
  '/var/lib/systemd',
  '/var/lib/apt/lists',
  '/var/log/apt',
  '/var/log/journal',
  '/var/mail',
  '/var/spool/cron',
  '/var/tmp',
  '/var/backups',
];

export const baseFiles = (hostname: string): FileSeed[] => {
  const old = { agoS: 190 * DAY_S };
  const journal = `/var/log/journal/${MACHINE_ID}`;
  const archived = (tag: string, agoS: number): FileSeed => ({
    path: `${journal}/system@${tag}.journal`,
    size: 64 * MIB,
    mode: 0o640,
    group: 'systemd-journal',
    agoS,
  });
  return [
    { path: '/etc/os-release', content: OS_RELEASE, ...old },
    { path: '/etc/debian_version', content: '12.11\n', ...old },
    { path: '/etc/hostname', content: `${hostname}\n`, ...old },
    {
      path: '/etc/hosts',
      content: `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`,
      ...old,
    },
    { path: '/etc/machine-id', content: `${MACHINE_ID}\n`, mode: 0o444, ...old },
    { path: '/etc/resolv.conf', content: 'nameserver 10.20.0.1\nsearch lan\n', ...old },
    { path: '/etc/timezone', content: 'Etc/UTC\n', ...old },
    {
      path: '/etc/ssh/sshd_config',
      content:
        'Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\nUsePAM yes\nX11Forwarding no\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n',
      ...old,
    },
    {
      path: '/etc/ssh/ssh_host_ed25519_key',
      content: 'not a real key: this machine is simulated\n',
      mode: 0o600,
      ...old,
    },
    { path: '/etc/shadow', content: 'root:*:19870:0:99999:7:::\n', mode: 0o640, ...old },
    { path: '/etc/systemd/journald.conf', content: '[Journal]\n#Storage=auto\n#SystemMaxUse=\n', ...old },
    { path: '/etc/logrotate.conf', content: 'weekly\nrotate 4\ncreate\ninclude /etc/logrotate.d\n', ...old },
    {
      path: '/etc/logrotate.d/rsyslog',
      content:
        '/var/log/syslog\n/var/log/auth.log\n/var/log/kern.log\n{\n\trotate 4\n\tweekly\n\tmissingok\n\tnotifempty\n\tcompress\n\tdelaycompress\n}\n',
      ...old,
    },
    {
      path: '/etc/apt/sources.list',
      content:
        'deb http://deb.debian.org/debian bookworm main\ndeb http://deb.debian.org/debian-security bookworm-security main\n',
      ...old,
    },
    { path: '/boot/vmlinuz-6.1.0-37-amd64', size: 8_178_624, ...old },
    { path: '/boot/initrd.img-6.1.0-37-amd64', size: 41 * MIB, ...old },
    { path: '/usr/lib/x86_64-linux-gnu/libLLVM-15.so.1', size: 116 * MIB, ...old },
    { path: '/usr/lib/x86_64-linux-gnu/libperl.so.5.36.0', size: 4 * MIB, ...old },
    { path: '/usr/lib/x86_64-linux-gnu/libc.so.6', size: 1_922_136, ...old },
    { path: '/usr/lib/modules/6.1.0-37-amd64/modules.img', size: 398 * MIB, ...old },
    { path: '/usr/lib/python3/dist-packages/packages.bin', size: 212 * MIB, ...old },
    { path: '/usr/lib/locale/locale-archive', size: 29 * MIB, ...old },
    { path: '/usr/share/doc/doc.bin', size: 168 * MIB, ...old },
    { path: '/usr/share/icu/72.1/icudt72l.dat', size: 31 * MIB, ...old },
    {
      path: '/var/lib/dpkg/status',
      content: 'Package: bash\nStatus: install ok installed\nVersion: 5.2.15-2+b8\n',
      size: 1_240_311,
      agoS: 21 * DAY_S,
    },
    {
      path: '/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages',
      size: 48 * MIB,
      agoS: 2 * DAY_S,
    },
    { path: '/var/cache/apt/pkgcache.bin', size: 38 * MIB, agoS: 2 * DAY_S },
    {
      path: '/var/cache/apt/archives/linux-image-6.1.0-37-amd64_6.1.140-1_amd64.deb',
      size: 69 * MIB,
      agoS: 21 * DAY_S,
    },
    { path: '/var/cache/apt/archives/libssl3_3.0.17-1~deb12u2_amd64.deb', size: 2_030_112, agoS: 21 * DAY_S },
    { path: journal, directory: true, mode: 0o2755, group: 'systemd-journal', ...old },
    archived('000630a1f2c4-0000000000000001', 26 * DAY_S),
    archived('000633ab08d1-000000000001c2f4', 13 * DAY_S),
    archived('0006358fe77a-0000000000038b1e', 4 * DAY_S),
    { path: `${journal}/system.journal`, size: 24 * MIB, mode: 0o640, group: 'systemd-journal', agoS: 30 },
    {
      path: '/var/log/apt/history.log',
      content:
        'Start-Date: 2025-06-02  06:31:14\nCommandline: /usr/bin/unattended-upgrade\nUpgrade: libssl3:amd64 (3.0.16-1~deb12u1, 3.0.17-1~deb12u2)\nEnd-Date: 2025-06-02  06:31:20\n',
      agoS: 21 * DAY_S,
    },
    { path: '/var/log/auth.log', content: '', mode: 0o640, group: 'adm', agoS: 600 },
    { path: '/var/log/syslog.1', size: 41 * MIB, mode: 0o640, group: 'adm', agoS: 7 * DAY_S },
    { path: '/root/.bashrc', content: '# ~/.bashrc: executed by bash(1) for non-login shells.\n', ...old },
  ];
};

const service = (name: string, description: string, comm: string, args: string, rssKb: number): UnitSeed => ({
  name: `${name}.service`,
  description,
  execStart: args,
  process: { comm, args, rssKb, vszKb: rssKb * 3 },
});

export const baseUnits = (): UnitSeed[] => [
  {
    ...service(
      'systemd-journald',
      'Journal Service',
      'systemd-journal',
      '/lib/systemd/systemd-journald',
      17_400,
    ),
    type: 'notify',
  },
  service(
    'systemd-udevd',
    'Rule-based Manager for Device Events and Files',
    'systemd-udevd',
    '/lib/systemd/systemd-udevd',
    6_100,
  ),
  {
    ...service(
      'systemd-timesyncd',
      'Network Time Synchronization',
      'systemd-timesyn',
      '/lib/systemd/systemd-timesyncd',
      6_600,
    ),
    user: 'systemd-timesync',
  },
  {
    ...service(
      'dbus',
      'D-Bus System Message Bus',
      'dbus-daemon',
      '/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation --syslog-only',
      4_300,
    ),
    user: 'messagebus',
  },
  service('systemd-logind', 'User Login Management', 'systemd-logind', '/lib/systemd/systemd-logind', 7_200),
  service('cron', 'Regular background program processing daemon', 'cron', '/usr/sbin/cron -f', 2_700),
  service('rsyslog', 'System Logging Service', 'rsyslogd', '/usr/sbin/rsyslogd -n -iNONE', 5_900),
  {
    ...service(
      'ssh',
      'OpenBSD Secure Shell server',
      'sshd',
      'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups',
      9_300,
    ),
    type: 'notify',
    listens: ['0.0.0.0:22', '[::]:22'],
  },
  service('qemu-guest-agent', 'QEMU Guest Agent', 'qemu-ga', '/usr/sbin/qemu-ga', 4_100),
  service(
    'unattended-upgrades',
    'Unattended Upgrades Shutdown',
    'unattended-upgr',
    '/usr/bin/python3 /usr/share/unattended-upgrades/unattended-upgrade-shutdown --wait-for-signal',
    21_000,
  ),
  {
    ...service('getty@tty1', 'Getty on tty1', 'agetty', '/sbin/agetty -o -p -- \\u --noclear - linux', 1_100),
  },
  { name: 'apt-daily.timer', description: 'Daily apt download activities' },
  { name: 'logrotate.timer', description: 'Daily rotation of log files' },
  {
    name: 'logrotate.service',
    description: 'Rotate log files',
    type: 'oneshot',
    enabled: false,
    state: 'inactive',
  },
];

export const KERNEL_THREADS: readonly ProcessSeed[] = [
  '[kthreadd]',
  '[rcu_gp]',
  '[kworker/0:0H-events_highpri]',
  '[mm_percpu_wq]',
  '[ksoftirqd/0]',
  '[rcu_preempt]',
  '[migration/0]',
  '[cpuhp/0]',
  '[cpuhp/1]',
  '[migration/1]',
  '[ksoftirqd/1]',
  '[kdevtmpfs]',
  '[kcompactd0]',
  '[khugepaged]',
  '[kblockd]',
  '[kswapd0]',
  '[scsi_eh_0]',
  '[scsi_eh_1]',
  '[jbd2/sda1-8]',
  '[ext4-rsv-conver]',
  '[kworker/u4:2-flush-8:0]',
].map((args) => ({
  user: 'root',
  comm: args.slice(1, -1),
  args,
  rssKb: 0,
  vszKb: 0,
  stat: args === '[kthreadd]' ? 'S' : 'I',
}));
