// The agent's process under a user of its own, where the server may change users (it is root): then it cannot read the key, the journal
// or a control socket even if Claude Code itself were turned against us. The server's files are 0600 and its directories 0700; only the
// way to the agent's own directory is opened, for its group alone.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';

export interface AgentUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** False where it was only found, and nobody asked for it. */
  readonly asked: boolean;
}

export type ProcessUser =
  | { readonly type: 'own'; readonly uid: number; readonly gid: number }
  | { readonly type: 'the-server'; readonly why: string }
  /** Somebody asked for a user, and it cannot be had. The agent does not run with more than that. */
  | { readonly type: 'none'; readonly why: string };

export interface Ground {
  readonly dataDir: string;
  readonly binary: string;
  /** What it reads: its working directory. */
  readonly root: string;
}

/** Gives the user the agent's directory, and looks with its eyes whether it could work, and whether it sees what it must not. */
export function processUser(user: AgentUser | undefined, ground: Ground): ProcessUser {
  if (user === undefined)
    return {
      type: 'the-server',
      why: 'The agent runs as the same user as the console, so only Claude Code itself keeps it from the SSH key and the record. Run the console as root with BREAKGLASS_AGENT_USER set to a user of the agent alone (useradd --system breakglass-agent).',
    };
  const why =
    process.getuid?.() === 0 ? prepare(user, ground) : 'only root may start processes of another user';
  if (why === undefined) return { type: 'own', uid: user.uid, gid: user.gid };
  return user.asked
    ? {
        type: 'none',
        why: `The agent cannot run as the user ${user.name} (BREAKGLASS_AGENT_USER): ${why}. Cure that, or unset the variable, and restart. The power buttons and triage work without it.`,
      }
    : {
        type: 'the-server',
        why: `The agent runs as the same user as the console, not as ${user.name}: ${why}.`,
      };
}

function prepare({ uid, gid }: AgentUser, { dataDir, binary, root }: Ground): string | undefined {
  const own = path.join(dataDir, 'agent');
  try {
    give(own, uid, gid);
    chownSync(dataDir, -1, gid);
    chmodSync(dataDir, (lstatSync(dataDir).mode & 0o7700) | 0o010);
  } catch (error) {
    return `its directory ${own} cannot be given to it (${error instanceof Error ? error.message : String(error)})`;
  }
  const journal = path.join(dataDir, 'journal.sqlite');
  const looks: readonly (readonly [test: string, file: string, says: string])[] = [
    ['-x', binary, `it cannot run ${binary}: open the directories above it (chmod o+x)`],
    ['-r', root, `it cannot read the runbooks in ${root}`],
    ['-w', own, `it cannot reach its directory ${own}: open the directories above it (chmod o+x)`],
    ['! -r', journal, `it could read ${journal}`],
    ['! -r', dataDir, `it could list ${dataDir}`],
  ];
  return looks.find(([test, file]) => !holds(test, file, uid, gid))?.[2];
}

const holds = (test: string, file: string, uid: number, gid: number): boolean =>
  spawnSync('/bin/sh', ['-c', `test ${test} "$0"`, file], {
    uid,
    gid,
    cwd: '/',
    stdio: 'ignore',
    timeout: 5_000,
  }).status === 0;

/**
 * The whole only at the first time, when nobody but us could write there. Once it is the agent's, what is deeper may be a trap (a link put
 * in place of a directory while we look), so only what we may have made ourselves since is given: the directories right below.
 */
function give(own: string, uid: number, gid: number): void {
  const isFirst = lstatSync(own).uid !== uid;
  const walk = (file: string, depth: number): void => {
    const stat = lstatSync(file);
    if (stat.isDirectory() && (isFirst || depth < 1))
      for (const name of readdirSync(file)) walk(path.join(file, name), depth + 1);
    if (stat.uid !== uid || stat.gid !== gid) lchownSync(file, uid, gid);
  };
  walk(own, 0);
}
