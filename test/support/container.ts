// A console out of the image, started as a container runtime starts it (run-image). Only root can.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { IMAGE, unpackImage } from '../../deploy/container/build.ts';
import { buildah } from '../../deploy/container/buildah.ts';

const RUN_IMAGE = path.join(import.meta.dirname, 'run-image');

/** Why no image can be built and started here; undefined where it can. */
export function whyNoContainers(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'an image is built and started by root alone';
  const missing = ['buildah', 'mmdebstrap'].filter((name) => !existsSync(`/usr/bin/${name}`));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const { status, stderr } = spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'true'], {
    encoding: 'utf8',
  });
  return status === 0 ? undefined : `this machine makes no namespaces: ${stderr.trim()}`;
}

/** What the image says of itself. */
export interface ImageConfig {
  readonly Env: readonly string[];
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Volumes: Readonly<Record<string, unknown>>;
}

export interface Unpacked {
  readonly root: string;
  readonly config: ImageConfig;
  remove(): Promise<void>;
}

/** A copy of the image's root file system, and what the image says of itself. */
export async function unpackWithConfig(): Promise<Unpacked> {
  const inspected = JSON.parse(await buildah('inspect', '--type', 'image', IMAGE)) as {
    readonly OCIv1: { readonly config: ImageConfig };
  };
  return { ...(await unpackImage()), config: inspected.OCIv1.config };
}

/** Whose the mounted key is: what Docker mounts is as it is on the host, Kubernetes' belongs to root and a group. `root`: to root alone. */
export type KeyOf = 'user' | 'group' | 'root';

export interface Launch {
  readonly image: Unpacked;
  readonly keyOf: KeyOf;
  /** A cgroup that holds all of it. */
  readonly cgroup?: string;
}

/** For `ConsoleOptions.launch`: the console that this environment describes, with its secrets as files. */
export const launchContainer =
  ({ image, keyOf, cgroup }: Launch) =>
  (env: Readonly<Record<string, string>>): ChildProcess => {
    const { config, root } = image;
    const [uid = 0, gid = 0] = config.User.split(':').map(Number);
    const { HOME: dir = '', BREAKGLASS_DATA_DIR: data = '', BREAKGLASS_KEY_PATH: key = '' } = env;
    const secrets = path.join(dir, 'secrets');
    for (const made of [data, secrets]) mkdirSync(made, { recursive: true });
    chownSync(data, uid, gid);
    chmodSync(data, 0o700);
    const keep = (name: string, content: string, of: KeyOf): void => {
      const file = path.join(secrets, name);
      writeFileSync(file, content);
      chownSync(file, of === 'user' ? uid : 0, gid);
      chmodSync(file, of === 'group' ? 0o440 : 0o400);
    };
    keep('private_key', readFileSync(key, 'utf8'), keyOf);
    const tokensOf = keyOf === 'group' ? 'group' : 'user';
    keep('api_bearer_token', env['API_BEARER_TOKEN'] ?? '', tokensOf);
    keep('anthropic_api_key', env['ANTHROPIC_API_KEY'] ?? '', tokensOf);
    const { API_BEARER_TOKEN: _inFile, ANTHROPIC_API_KEY: _alsoInFile, ...plain } = env;
    return spawn(
      'unshare',
      ['--mount', RUN_IMAGE, root, data, secrets, cgroup ?? '', config.User, ...config.Entrypoint],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...plain,
          ...pairs(config.Env),
          BREAKGLASS_BIND: '127.0.0.1',
          BREAKGLASS_PORT: env['BREAKGLASS_PORT'],
          API_BEARER_TOKEN_FILE: '/run/secrets/api_bearer_token',
          ANTHROPIC_API_KEY_FILE: '/run/secrets/anthropic_api_key',
        },
      },
    );
  };

/** Runs something in a container that runs, with the environment of its first process, as `docker exec` does. */
export async function inContainer(
  image: Unpacked,
  launched: number,
  ...command: readonly string[]
): Promise<{ readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string }> {
  const first = firstProcess(launched);
  const [uid, gid] = image.config.User.split(':');
  const { exitCode, stdout, stderr } = await execa(
    'nsenter',
    [
      `--target=${first}`,
      '--mount',
      '--pid',
      'chroot',
      image.root,
      'setpriv',
      `--reuid=${uid}`,
      `--regid=${gid}`,
      '--clear-groups',
      '--no-new-privs',
      '--bounding-set=-all',
      '--inh-caps=-all',
      ...command,
    ],
    { env: environmentOf(first), extendEnv: false, reject: false },
  );
  return { exitCode, stdout, stderr };
}

const pairs = (list: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    list
      .filter((pair) => pair.includes('='))
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );

const environmentOf = (pid: number): Readonly<Record<string, string>> =>
  pairs(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'));

/** The container's first process, as this machine numbers it: below the launched one is the namespace's, and below that the first. */
function firstProcess(launched: number): number {
  const [namespace = 0] = childrenOf(launched);
  const [first = 0] = childrenOf(namespace);
  return first;
}

const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
