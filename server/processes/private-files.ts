// What we write is for nobody else: files 0600, directories 0700, whatever the umask is and whatever an older version left. A data
// directory that others may write to is said loudly, but hardly ever refused: volumes of Kubernetes are made so on purpose (a group of
// the pod's own with the setgid bit: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/, emptyDir with 0777), and a
// console that does not start helps nobody.
import { chmodSync, lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What this server or a process of it writes into the data directory. Everything else there is left alone. */
const OURS: readonly RegExp[] = [
  /^server\.(?:lock|pid)(?:-journal)?$/,
  /^journal\.sqlite/,
  /^access(?:-token$|\.json)/,
  /^known_hosts/,
  /^push\.json/,
  /^doctor\.json/,
  /^\.owner-/,
  /^(?:agent|evidence|ssh)$/,
];
const OTHERS_MAY_ANYTHING = 0o077;
const GROUP_MAY_WRITE = 0o020;
const ANYBODY_MAY_WRITE = 0o002;
const GROUP_MAY_PASS = 0o010;

export interface DirectoryCheck {
  /** What was open to others until now. */
  readonly tightened: readonly string[];
  /** Sentences for the log and the page. */
  readonly warnings: readonly string[];
  /** Somebody else put files where ours are. Nothing may be written there, because it could go anywhere. */
  readonly planted: string | undefined;
}

/** Every file that this process and its children make from now on is private, the journal's and Claude Code's transcripts among them. */
export const makePrivateFiles = (): void => {
  process.umask(OTHERS_MAY_ANYTHING);
};

export function checkDirectory(dir: string): DirectoryCheck {
  const { mode, uid } = lstatSync(dir);
  const own = ownUid(dir);
  const found: Found = { tightened: [], failed: [] };
  const names = readdirSync(dir);
  const ours = names.filter((name) => OURS.some((pattern) => pattern.test(name)));
  const warnings: string[] = [];

  // In a directory where anybody may write, a name of ours may be a trap: a link to a file that we would overwrite.
  if ((mode & ANYBODY_MAY_WRITE) !== 0) {
    const strange = ours.find((name) => ![own, 0].includes(lstatSync(path.join(dir, name)).uid));
    if (strange !== undefined)
      return {
        tightened: [],
        warnings: [],
        planted: `anybody may write there (mode ${octal(mode)}), and ${strange} in it belongs to another user, who may have put it there as a trap`,
      };
  }

  for (const name of ours) tighten(path.join(dir, name), found);
  const openTo =
    (mode & ANYBODY_MAY_WRITE) !== 0 ? 'everybody' : (mode & GROUP_MAY_WRITE) !== 0 ? 'its group' : undefined;
  // Only ours: whoever names /tmp or a home directory must not find it closed to everybody else.
  const isOursAlone = uid === own && ours.length === names.length;
  // The agent's own user may pass through (agent/own-user.ts); passing is not reading.
  if (isOursAlone) tighten(dir, found, GROUP_MAY_PASS);
  else if (openTo !== undefined)
    warnings.push(
      `The data directory ${dir} may be written by ${openTo} (mode ${octal(mode)}, owner ${uid}): whoever that is can replace the record and the keys of the hosts. Give the console a directory of its own (chmod 700), or let nobody else be in that group.`,
    );
  if (uid !== own && uid !== 0)
    warnings.push(
      `The data directory ${dir} belongs to another user (${uid}; the console runs as ${own}), who can replace the record and the keys of the hosts. Give it to the console: chown ${own} ${dir}`,
    );
  if (found.failed.length > 0)
    warnings.push(
      `Files of the record stay readable by others, because their mode cannot be changed: ${found.failed.slice(0, 3).join(', ')}${found.failed.length > 3 ? ` and ${found.failed.length - 3} more` : ''}. Run: chmod -R go-rwx ${dir}`,
    );
  return { tightened: found.tightened, warnings, planted: undefined };
}

interface Found {
  readonly tightened: string[];
  readonly failed: string[];
}

/** Never follows a link: what it leads to is not ours. */
function tighten(file: string, found: Found, except = 0): void {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined || !(stat.isFile() || stat.isDirectory())) return;
  const forbidden = OTHERS_MAY_ANYTHING & ~except;
  if ((stat.mode & forbidden) !== 0) {
    try {
      chmodSync(file, stat.mode & 0o7777 & ~forbidden);
      // Some volumes take every mode and keep their own.
      const kept = lstatSync(file).mode & forbidden;
      (kept === 0 ? found.tightened : found.failed).push(file);
    } catch {
      found.failed.push(file);
    }
  }
  if (except !== 0 || !stat.isDirectory()) return;
  for (const name of readdirSync(file)) tighten(path.join(file, name), found);
}

/** Who owns what we make there. On a root-squashed or mapped volume that is not our own uid. */
function ownUid(dir: string): number {
  const probe = path.join(dir, `.owner-${crypto.randomUUID()}`);
  try {
    writeFileSync(probe, '', { flag: 'wx', mode: 0o600 });
    return lstatSync(probe).uid;
  } catch {
    return process.getuid?.() ?? 0; // A full disk: then what is known must do.
  } finally {
    rmSync(probe, { force: true });
  }
}

const octal = (mode: number): string => (mode & 0o7777).toString(8);
