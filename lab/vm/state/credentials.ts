// Users and groups of the guest, and who may do what through sudo.

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, by id. */
  readonly groups: readonly number[];
}

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
  /** `all`: every command without a password. `reading`: only the exact commands of READING. */
  readonly sudo: 'none' | 'reading' | 'all';
}

export interface Group {
  readonly name: string;
  readonly gid: number;
}

const NOLOGIN = '/usr/sbin/nologin';
const daemon = (name: string, uid: number, gid: number, home = '/nonexistent'): User => ({
  name,
  uid,
  gid,
  groups: [],
  gecos: '',
  home,
  shell: NOLOGIN,
  sudo: 'none',
});

/** Debian's fixed ids. The two accounts follow the first free ones of an ordinary install. */
export const standardGroups: readonly Group[] = [
  { name: 'root', gid: 0 },
  { name: 'daemon', gid: 1 },
  { name: 'bin', gid: 2 },
  { name: 'sys', gid: 3 },
  { name: 'adm', gid: 4 },
  { name: 'tty', gid: 5 },
  { name: 'disk', gid: 6 },
  { name: 'mail', gid: 8 },
  { name: 'sudo', gid: 27 },
  { name: 'www-data', gid: 33 },
  { name: 'utmp', gid: 43 },
  { name: 'nogroup', gid: 65534 },
  { name: 'systemd-journal', gid: 101 },
  { name: 'messagebus', gid: 106 },
  { name: 'postgres', gid: 110 },
  { name: 'breakglass', gid: 1000 },
  { name: 'breakglass-observer', gid: 1001 },
];

export const standardUsers = (repair: string, observer: string): User[] => [
  { name: 'root', uid: 0, gid: 0, groups: [], gecos: 'root', home: '/root', shell: '/bin/bash', sudo: 'all' },
  daemon('daemon', 1, 1, '/usr/sbin'),
  daemon('www-data', 33, 33, '/var/www'),
  daemon('nobody', 65534, 65534),
  daemon('systemd-timesync', 996, 996),
  daemon('messagebus', 100, 106),
  daemon('sshd', 102, 65534, '/run/sshd'),
  {
    ...daemon('postgres', 105, 110, '/var/lib/postgresql'),
    shell: '/bin/bash',
    gecos: 'PostgreSQL administrator,,,',
  },
  {
    name: repair,
    uid: 1000,
    gid: 1000,
    groups: [4, 27],
    gecos: 'Breakglass repair account,,,',
    home: `/home/${repair}`,
    shell: '/bin/bash',
    sudo: 'all',
  },
  {
    name: observer,
    uid: 1001,
    gid: 1001,
    groups: [4, 101],
    gecos: 'Breakglass observer account,,,',
    home: `/home/${observer}`,
    shell: '/bin/bash',
    sudo: 'reading',
  },
];

export const credentialsOf = (user: User): Credentials => ({
  uid: user.uid,
  gid: user.gid,
  groups: user.groups,
});
export const ROOT: Credentials = { uid: 0, gid: 0, groups: [] };

/**
 * The observer's sudoers lines: exact words, or a pattern for the arguments. Nothing here writes a file, runs another
 * program or opens a pager.
 */
export const READING: readonly RegExp[] = [
  /^\/usr\/bin\/du(?: -[ahkmscxSlb]+| -d ?\d+| --max-depth=\d+| \/\S*)*$/,
  /^\/usr\/bin\/dmesg(?: -T| -T --level=[a-z,]+| --level=[a-z,]+)?$/,
  /^\/usr\/bin\/ss(?: -[tulpnaemio]+)*$/,
  /^\/usr\/bin\/lsof(?: \+L1| -n| -P| -nP)*$/,
  /^\/usr\/sbin\/smartctl -a \/dev\/[a-z0-9]+$/,
];
