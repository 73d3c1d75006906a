// Where things lie when the environment does not say: under the fixed names that deployments know, or, where a plain user cannot use
// those, below that user's home (https://specifications.freedesktop.org/basedir-spec/latest/). Pure: what the file system says is given.
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

export interface System {
  readonly uid: number;
  readonly canWrite: (dir: string) => boolean;
  readonly exists: (file: string) => boolean;
}

export interface Places {
  /** The record is beside it. */
  readonly sessionsDir: string;
  readonly keyPath: string;
  /** Read if it is there. Undefined: this user has no place of their own. */
  readonly environmentFile: string | undefined;
}

const FIXED = {
  workspace: '/workspace',
  keyPath: '/secrets/breakglass/private_key',
  environmentFile: '/etc/breakglass/environment',
};

export const thisSystem: System = {
  uid: process.getuid?.() ?? 0,
  canWrite(dir) {
    try {
      accessSync(dir, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  exists: existsSync,
};

export function placesOf(env: Env, { uid, canWrite, exists }: System): Places {
  const sessionsDir = path.join(FIXED.workspace, 'sessions');
  const fixed = { sessionsDir, keyPath: FIXED.keyPath };
  if (uid === 0) return { ...fixed, environmentFile: FIXED.environmentFile };
  const state = ownDir(env['XDG_STATE_HOME'], env['HOME'], '.local/state');
  const config = ownDir(env['XDG_CONFIG_HOME'], env['HOME'], '.config');
  // A volume may be mounted at either name.
  const workspace = [FIXED.workspace, sessionsDir, path.join(FIXED.workspace, 'data')];
  return {
    sessionsDir:
      state === undefined || workspace.some((dir) => canWrite(dir))
        ? fixed.sessionsDir
        : path.join(state, 'sessions'),
    keyPath: config === undefined || exists(fixed.keyPath) ? fixed.keyPath : path.join(config, 'id_ed25519'),
    environmentFile: config === undefined ? undefined : path.join(config, 'environment'),
  };
}

/** The specification has relative paths ignored. */
function ownDir(xdg: string | undefined, home: string | undefined, usual: string): string | undefined {
  if (xdg !== undefined && path.isAbsolute(xdg)) return path.join(xdg, 'breakglass');
  return home !== undefined && path.isAbsolute(home) ? path.join(home, usual, 'breakglass') : undefined;
}
