// The SSH keys: that each is there, is for nobody else, is a private key that ssh understands, and needs no passphrase that nobody types.
import { stat } from 'node:fs/promises';
import { execa } from 'execa';
import { createIdentity } from '../ssh/identity.ts';
import { isKeyFile } from '../ssh/key-file.ts';
import { broken, type LinkLook, type Seen, works } from './link.ts';

export interface KeyParts {
  readonly authSock: string | undefined;
  readonly searchPath: string;
  readonly dir: string | undefined;
}

const OTHERS = 0o077;
const KEYGEN_LIMIT_MS = 5_000;

export const keyLink = (paths: readonly string[], parts: KeyParts): LinkLook => ({
  code: 'ssh-key',
  title: paths.length === 1 ? 'SSH key' : 'SSH keys',
  needs: [],
  async look() {
    const seen = await Promise.all(paths.map((file) => lookAtKey(file, parts)));
    return seen.find(({ state }) => state === 'broken') ?? works(seen.map(({ detail }) => detail).join(' '));
  },
});

async function lookAtKey(file: string, parts: KeyParts): Promise<Seen> {
  if (!isKeyFile(file)) {
    const held = await createIdentity({ keyPath: file, ...parts })();
    return held.type === 'file'
      ? works('The ssh-agent holds the one key.')
      : broken(
          held.why,
          `Put the private key at ${file} (mode 600), or set BREAKGLASS_KEY_PATH. To make one: \`ssh-keygen -t ed25519 -N '' -f ${file}\``,
        );
  }
  const { mode, uid } = await stat(file);
  // ssh minds the mode of a file of its own user's alone (authfile.c). Secrets of Kubernetes and credentials of systemd are root's, 0440.
  if (uid === process.getuid?.() && (mode & OTHERS) !== 0)
    return broken(
      `The key file ${file} is open to others (mode ${(mode & 0o777).toString(8)}), so ssh ignores it.`,
      `\`chmod 600 ${file}\``,
    );
  const { exitCode, stdout, stderr } = await keygen(['-y', '-P', '', '-f', file], parts.searchPath);
  if (exitCode === 0) return works(`${file} is a private key: ${await fingerprint(file, stdout, parts)}.`);
  // OpenSSH's words: sshkey.c, ssherr.c.
  if (/incorrect passphrase/i.test(stderr)) return lookAtLocked(file, parts);
  if (/^(?:ssh|ecdsa|sk)-/.test(stdout) || (await isPublic(file, parts)))
    return works(`${file} is the public key of one that the ssh-agent holds.`);
  return broken(
    `${file} is not a private key that ssh understands.`,
    `Put the private key there, whole, with its first and last line (-----BEGIN OPENSSH PRIVATE KEY-----). To look: ssh-keygen -y -f ${file}`,
  );
}

/** A passphrase that nobody types is no trouble where an agent holds the key. */
async function lookAtLocked(file: string, { authSock, searchPath }: KeyParts): Promise<Seen> {
  const remedy = `Take the passphrase off (ssh-keygen -p -N '' -f ${file}) or give the console an ssh-agent that holds the key (SSH_AUTH_SOCK).`;
  const why = `The key ${file} has a passphrase, and nobody is there to type it`;
  if (authSock === undefined) return broken(`${why}.`, remedy);
  const own = (await keygen(['-l', '-f', file], searchPath)).stdout.split(' ')[1];
  const held = await execa('ssh-add', ['-l'], {
    env: { PATH: searchPath, SSH_AUTH_SOCK: authSock, LC_ALL: 'C' },
    extendEnv: false,
    reject: false,
    timeout: KEYGEN_LIMIT_MS,
    stdin: 'ignore',
  });
  return own !== undefined && (held.stdout ?? '').includes(own)
    ? works(`${file} has a passphrase, and the ssh-agent holds it: ${own}.`)
    : broken(`${why}; the ssh-agent does not hold it.`, remedy);
}

/** ssh also takes the public key of one that the agent holds. */
const isPublic = async (file: string, { authSock, searchPath }: KeyParts): Promise<boolean> =>
  authSock !== undefined && (await keygen(['-l', '-f', file], searchPath)).exitCode === 0;

async function fingerprint(file: string, publicKey: string, { searchPath }: KeyParts): Promise<string> {
  const { stdout } = await execa('ssh-keygen', ['-l', '-f', '-'], {
    ...options(searchPath),
    input: `${publicKey}\n`,
  });
  return stdout?.split(' ').slice(1, 2).join('') || `readable, ${file}`;
}

/** `ssh-keygen -y` of a key without a passphrase, for the line that belongs into authorized_keys; undefined where there is none. */
export async function publicKeyOf(file: string, searchPath: string): Promise<string | undefined> {
  if (!isKeyFile(file)) return undefined;
  const { exitCode, stdout } = await keygen(['-y', '-P', '', '-f', file], searchPath);
  return exitCode === 0 ? stdout.trim().split(' ').slice(0, 2).join(' ') : undefined;
}

const options = (searchPath: string) =>
  ({
    env: { PATH: searchPath, LC_ALL: 'C' },
    extendEnv: false,
    reject: false,
    timeout: KEYGEN_LIMIT_MS,
  }) as const;

async function keygen(
  args: readonly string[],
  searchPath: string,
): Promise<{ exitCode: number | undefined; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await execa('ssh-keygen', args, {
    ...options(searchPath),
    stdin: 'ignore',
  });
  return { exitCode, stdout, stderr };
}
