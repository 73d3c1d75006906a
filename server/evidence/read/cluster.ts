// Who holds the VM: what `cluster.txt` and `flock.txt` say, or the same lines in what a capture prints. Pure.
import { known, notAsked, type Reading, tooLate, unreadable } from '../../triage/reading.ts';
import type { LockFile } from '../../triage/signals.ts';

export interface Cluster {
  readonly quorum: Reading<boolean>;
  readonly haManaged: Reading<boolean>;
  readonly configLock: Reading<string>;
  readonly tasks: Reading<readonly string[]>;
}

const NOT_SAID = 'the host did not say it';

/** `unknown`, perhaps with the reason behind it, is not known. */
function said<T>(value: string | undefined, read: (value: string) => T): Reading<T> {
  if (value === undefined) return notAsked(NOT_SAID);
  if (!/^unknown\b/.test(value)) return known(read(value));
  const why = value.replace(/^unknown[,:]?\s*/, '').slice(0, 300) || 'the host could not tell';
  return /no answer/.test(why) ? tooLate(why) : unreadable(why);
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
    // The manager leaves a resource alone whose state is `ignored`, and every one while it is disarmed.
    haManaged: said(
      fields.get('ha'),
      (value) => /^managed\b/.test(value) && !/\b(?:ignored|disarmed)\b/.test(value),
    ),
    configLock: lock,
    // Tasks are looked for beside a lock only; with one and without a task line none was found.
    tasks: named.length > 0 || lock.is === 'known' ? known(named) : notAsked(NOT_SAID),
  };
}

/** `free`, or `holder: PID COMMAND`. How long its task runs says nothing about how long it holds the lock. */
export function readLockFile(text: string): Reading<LockFile> {
  const { fields } = linesOf(text);
  const holder = fields.get('holder') ?? fields.get("qemu-server's lock");
  if (holder === 'free' || /^free\b/m.test(text)) return known({ holder: 'free', seenForS: undefined });
  if (holder === undefined || holder === '') return unreadable('flock: says neither free nor who holds it');
  return known({ holder: holder.replace(/^holder: /, '').slice(0, 300), seenForS: undefined });
}
