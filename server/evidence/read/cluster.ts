// Who holds the VM: what `cluster.txt` and `flock.txt` say, or the same lines in what a capture prints. Pure.
import { known, notAsked, type Reading, tooLate, unreadable } from '../../triage/reading.ts';
import type { LiveTask, LockFile, Placement } from '../../triage/signals.ts';

export interface Cluster {
  readonly quorum: Reading<boolean>;
  readonly ha: Reading<'no' | 'managed' | 'frozen'>;
  readonly configLock: Reading<string>;
  readonly tasks: Reading<readonly LiveTask[]>;
  readonly placement: Reading<Placement>;
}

const NOT_SAID = 'the host did not say it';

/** `unknown`, perhaps with the reason behind it, is not known. */
function said<T>(value: string | undefined, read: (value: string) => T): Reading<T> {
  if (value === undefined) return notAsked(NOT_SAID);
  if (!/^unknown\b/.test(value)) return known(read(value));
  const why = value.replace(/^unknown[,:]?\s*/, '').slice(0, 300) || 'the host could not tell';
  return /no answer|does not answer/.test(why) ? tooLate(why) : unreadable(why);
}

/** Each line read once; a key that comes again counts as it came first, but for tasks, of which there may be many. */
function linesOf(text: string): {
  readonly fields: ReadonlyMap<string, string>;
  readonly tasks: readonly string[];
} {
  const fields = new Map<string, string>();
  const tasks: string[] = [];
  for (const line of text.split('\n')) {
    const [, key, value = ''] = /^[ \t]*([a-z][a-z_ ']{0,40}):(.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    if (key === 'task') tasks.push(value.trim());
    if (!fields.has(key)) fields.set(key, value.trim());
  }
  return { fields, tasks };
}

export function readCluster(text: string): Cluster {
  const { fields, tasks } = linesOf(text);
  const named = tasks.filter((task) => task !== 'none' && task !== '');
  const lock = said(fields.get('lock'), (value) => value || 'none');
  return {
    quorum: said(fields.get('quorum'), (value) => /^yes\b/.test(value)),
    ha: said(fields.get('ha'), haOf),
    configLock: lock,
    // Tasks are looked for beside a lock only; with one and without a task line none was found.
    tasks: named.length > 0 || lock.is === 'known' ? known(named.map(asTask)) : notAsked(NOT_SAID),
    placement: placementOf(fields),
  };

  // A script that says how it read the configuration has looked into the log of a backup that names no VM, and says where that told it
  // nothing.
  function asTask(task: string): LiveTask {
    return fields.has('config') && fields.get('task_sure') !== 'no'
      ? { said: task, ours: true }
      : { said: task };
  }
}

/** The manager leaves a resource alone whose state is `ignored`, and every one while it is disarmed, unless it was told to freeze them. */
function haOf(value: string): 'no' | 'managed' | 'frozen' {
  if (/^frozen\b/.test(value)) return 'frozen';
  return /^managed\b/.test(value) && !/\b(?:ignored|disarmed)\b/.test(value) ? 'managed' : 'no';
}

function placementOf(fields: ReadonlyMap<string, string>): Reading<Placement> {
  switch (fields.get('config') ?? '') {
    case 'read':
      return known('here');
    case 'missing': {
      const node = fields.get('node');
      return known({
        elsewhere:
          node === undefined
            ? 'there is no configuration of it on this node'
            : `the cluster has it on the node ${node.slice(0, 100)}`,
      });
    }
    case 'hangs':
      return tooLate("the cluster's file system (/etc/pve) does not answer");
    case 'gone':
      return unreadable("the cluster's file system (/etc/pve) is not there");
    default:
      return notAsked(NOT_SAID);
  }
}

/**
 * `free`, or `holder: PID COMMAND`. How long its task runs says nothing about how long it holds the lock. A script that tells the
 * `kind` of a holder has waited for the lock, and says for how long in vain, or when it got it.
 */
export function readLockFile(text: string): Reading<LockFile> {
  const { fields } = linesOf(text);
  const holder = fields.get('holder') ?? fields.get("qemu-server's lock");
  if (holder === 'free' || /^free\b/m.test(text) || fields.has('free_after_ms'))
    return known({ holder: 'free', seenForS: undefined });
  if (holder === undefined || holder === '') return unreadable('flock: says neither free nor who holds it');
  const waited = /^\d{1,6}$/.exec(fields.get('held_s') ?? '')?.[0];
  return known({
    holder: holder.replace(/^holder: /, '').slice(0, 300),
    seenForS: fields.has('kind') && waited !== undefined ? Number(waited) : undefined,
  });
}
