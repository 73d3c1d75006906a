// The states that QEMU can be in and the locks that qemu-server can leave in a configuration: closed lists, shared by triage, the
// lab and the host's script (host/lib/vm-states.bash is written from here; a test compares them). What is not in them is not
// known, and nothing is done about it.

/**
 * What a state means for somebody who wants the VM back.
 * `runs`: the guest's processors run. `off`: there is no QEMU process. `held`: somebody or something paused it, and it can be
 * resumed. `moving`: QEMU is in the middle of a migration, a save or a restore. `left`: it was migrated away from this process.
 * `asleep`: the guest suspended itself to memory. `storage`: QEMU paused it at an I/O error. `ended`: the guest shut down and its
 * process stayed. `broken`: QEMU will not run it again in this process. `panicked`: the guest's kernel said that it died.
 * `watchdog`: the guest's own watchdog expired.
 */
export type RunStateKind =
  | 'runs'
  | 'off'
  | 'held'
  | 'moving'
  | 'left'
  | 'asleep'
  | 'storage'
  | 'ended'
  | 'broken'
  | 'panicked'
  | 'watchdog';

/**
 * RunState of https://gitlab.com/qemu-project/qemu/-/blob/master/qapi/run-state.json, and `stopped`, which qm adds. A reset of
 * anything that does not run leaves `prelaunch`: QEMU then waits to be resumed.
 */
export const RUN_STATES = {
  running: { kind: 'runs', says: 'runs' },
  stopped: { kind: 'off', says: 'is stopped' },
  paused: { kind: 'held', says: 'is paused' },
  prelaunch: { kind: 'held', says: 'waits to be resumed, as after a start or a reset of a paused VM' },
  debug: { kind: 'held', says: 'is held by a debugger (gdbstub)' },
  inmigrate: { kind: 'moving', says: 'is being loaded: an incoming migration, or a resume from disk' },
  'restore-vm': { kind: 'moving', says: 'is being restored from a snapshot' },
  'save-vm': { kind: 'moving', says: 'is being saved to a snapshot' },
  'finish-migrate': { kind: 'moving', says: 'is in the last step of a migration' },
  colo: { kind: 'moving', says: 'is being synchronised with its replica (COLO)' },
  postmigrate: { kind: 'left', says: 'was migrated away, and this process is what is left of it' },
  suspended: { kind: 'asleep', says: 'is asleep: the guest suspended itself to memory' },
  'io-error': { kind: 'storage', says: 'was paused by QEMU at an I/O error' },
  shutdown: { kind: 'ended', says: 'was shut down by the guest, but its QEMU process stayed' },
  'internal-error': { kind: 'broken', says: 'was halted by QEMU (internal error)' },
  'guest-panicked': { kind: 'panicked', says: 'panicked: its kernel told QEMU so' },
  watchdog: { kind: 'watchdog', says: "was paused because the guest's own watchdog expired" },
} as const satisfies Readonly<Record<string, { readonly kind: RunStateKind; readonly says: string }>>;

export type RunState = keyof typeof RUN_STATES;

/** Undefined: not in the table, so nothing is known about it. */
export const runStateKind = (state: string): RunStateKind | undefined =>
  Object.hasOwn(RUN_STATES, state) ? RUN_STATES[state as RunState].kind : undefined;

interface ConfigLock {
  readonly says: string;
  /**
   * Types of the tasks that take it: the third field from the end of a UPID. A living task of another type explains nothing, be
   * it a console that somebody has open.
   */
  readonly tasks: readonly string[];
  /** The task may carry another VM's number, or none: a clone bears its source's, a backup of several VMs bears none. */
  readonly anyVm?: 'other' | 'none';
  /** `qm start` takes it away by itself. */
  readonly startResumes?: true;
}

/** `lock` of https://git.proxmox.com/?p=qemu-server.git (PVE::QemuServer, confdesc). */
export const CONFIG_LOCKS = {
  backup: { says: 'a backup', tasks: ['vzdump'], anyVm: 'none' },
  clone: { says: 'a clone', tasks: ['qmclone'], anyVm: 'other' },
  create: {
    says: 'a creation or a restore',
    tasks: ['qmcreate', 'qmrestore', 'qmclone', 'qmtunnel'],
    anyVm: 'other',
  },
  migrate: { says: 'a migration', tasks: ['qmigrate', 'qmtunnel'] },
  rollback: { says: 'a rollback to a snapshot', tasks: ['qmrollback'] },
  snapshot: { says: 'a snapshot', tasks: ['qmsnapshot'] },
  'snapshot-delete': { says: 'the removal of a snapshot', tasks: ['qmdelsnapshot'] },
  suspending: { says: 'a suspend to disk', tasks: ['qmsuspend'] },
  suspended: {
    says: 'a suspend to disk that is complete',
    tasks: ['qmstart', 'qmresume'],
    startResumes: true,
  },
} as const satisfies Readonly<Record<string, ConfigLock>>;

export type ConfigLockName = keyof typeof CONFIG_LOCKS;

export const configLock = (name: string): ConfigLock | undefined =>
  Object.hasOwn(CONFIG_LOCKS, name) ? CONFIG_LOCKS[name as ConfigLockName] : undefined;

/** `UPID:node:pid:pstart:starttime:type:id:user:` (PVE::Tools of https://git.proxmox.com/?p=pve-common.git). */
export interface Task {
  readonly upid: string;
  readonly type: string;
  /** The VM's number; empty where it has none or several. */
  readonly id: string;
  readonly user: string;
  /** Unix seconds. */
  readonly startedAt: number;
}

export function parseTask(text: string): Task | undefined {
  const match =
    /\bUPID:[^\s:]{1,64}:[0-9A-F]{1,16}:[0-9A-F]{1,16}:([0-9A-F]{1,16}):([a-z0-9-]{1,40}):([^\s:]{0,40}):([^\s:]{1,100}):/i.exec(
      text,
    );
  if (match === null) return undefined;
  const [upid, startedAt = '', type = '', id = '', user = ''] = match;
  return { upid, type, id, user, startedAt: Number.parseInt(startedAt, 16) };
}

/**
 * `perhaps`: its type fits, but it does not say which VM it works on.
 * @param vmid undefined: the host names tasks of its own VM only, and did not say which that is
 */
export function taskFitsLock(task: Task, lock: string, vmid: number | undefined): 'yes' | 'no' | 'perhaps' {
  const row = configLock(lock);
  if (row === undefined || !row.tasks.includes(task.type)) return 'no';
  if (task.id !== '' && (vmid === undefined || task.id === String(vmid))) return 'yes';
  if (task.id === '') return row.anyVm === 'none' ? 'perhaps' : 'no';
  return row.anyVm === 'other' ? 'perhaps' : 'no';
}
