// Users and groups of the guest, and who may do what through sudo.

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, by id. */
  readonly groups: readonly number[];
  readonly home: string;
  readonly shell: string;
  /** `all`: every command without a password. `reading`: only the command lines of READING. */
  readonly sudo: 'none' | 'reading' | 'all';
}
export type Who = Pick<User, 'uid' | 'gid' | 'groups'>;

const [ADM, SUDO, JOURNAL] = [4, 27, 101];
/** Debian's fixed ids. */
const GROUPS = { root: 0, adm: ADM, sudo: SUDO, 'systemd-journal': JOURNAL };
/** Their members read the whole journal. */
const JOURNAL_READERS: readonly number[] = [ADM, JOURNAL];
export const readsJournal = ({ uid, groups }: Who): boolean =>
  uid === 0 || groups.some((gid) => JOURNAL_READERS.includes(gid));

const NOBODY_ID = 65_534;
const daemon = (name: string, uid: number): User => {
  return {
    name,
    uid,
    gid: uid,
    groups: [],
    home: `/var/lib/${name}`,
    shell: '/usr/sbin/nologin',
    sudo: 'none',
  };
};
const person = (name: string, uid: number, groups: readonly number[], sudo: User['sudo']): User => {
  return { ...daemon(name, uid), groups, home: `/home/${name}`, shell: '/bin/bash', sudo };
};
export const ROOT: User = { ...person('root', 0, [], 'all'), home: '/root' };
/** Without rights of their own: what such a user may still write is what is free. */
export const NOBODY = daemon('nobody', NOBODY_ID);

export class Accounts {
  readonly users: User[];

  /** The two accounts have the first free ids of an ordinary install; every daemon below 1000, as adduser gives them. */
  constructor(repair: string, observer: string, daemons: readonly string[]) {
    const people = [
      person(repair, 1000, [ADM, SUDO], 'all'),
      person(observer, 1001, [ADM, JOURNAL], 'reading'),
    ];
    const names = [...new Set(daemons)].filter((name) => name !== 'root');
    this.users = [ROOT, NOBODY, ...people, ...names.map((name, at) => daemon(name, 999 - at))];
  }

  byName(name: string): User | undefined {
    return this.users.find((user) => user.name === name);
  }
  byUid(uid: number): User {
    return this.users.find((user) => user.uid === uid) ?? NOBODY;
  }
  /** Every user has a group of the same name. */
  #groups(): [name: string, gid: number][] {
    return [
      ...Object.entries(GROUPS),
      ...this.users.slice(1).map(({ name, gid }): [string, number] => [name, gid]),
    ];
  }
  gid(group: string): number {
    return this.#groups().find(([name]) => name === group)?.[1] ?? 0;
  }
  groupName(gid: number): string {
    return this.#groups().find(([, id]) => id === gid)?.[0] ?? String(gid);
  }
  passwd(): string {
    return this.users.map((u) => `${u.name}:x:${u.uid}:${u.gid}::${u.home}:${u.shell}\n`).join('');
  }
}

/** The observer's sudoers lines. Nothing here writes a file, runs another program or opens a pager. */
export const READING: readonly RegExp[] = [
  /^du(?: -[ahkmscxSlb]+| -d ?\d+| --max-depth=\d+| \/\S*)*$/,
  /^dmesg(?: -T| -T --level=[a-z,]+| --level=[a-z,]+)?$/,
  /^ss(?: -[tulpnaemio]+)*$/,
  /^lsof(?: \+L1| -n| -P| -nP| \/\S*)*$/,
];
