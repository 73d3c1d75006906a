// The lab's SSH keys: one for the console, one for each host it pretends to be. Kept beside the data when there is a data
// directory, so that the host keys which the console pinned are still the same after a restart.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ssh2 from 'ssh2';

export interface LabKeys {
  /** The client key's file: the console's BREAKGLASS_KEY_PATH. */
  readonly clientKeyPath: string;
  /** Its public half as it stands in `authorized_keys`. */
  readonly clientPublic: string;
  readonly powerHostKey: string;
  readonly vmKey: string;
  /** Of the second, healthy VM. */
  readonly otherVmKey: string;
}

export function labKeys(dir: string, clientKeyPath: string | undefined): LabKeys {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const client = clientKeyPath ?? path.join(dir, 'client_key');
  if (clientKeyPath === undefined) readOrMake(client);
  return {
    clientKeyPath: client,
    clientPublic: publicHalf(client),
    powerHostKey: readOrMake(path.join(dir, 'power_host_key')),
    vmKey: readOrMake(path.join(dir, 'vm_host_key')),
    otherVmKey: readOrMake(path.join(dir, 'other_vm_host_key')),
  };
}

function readOrMake(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const text = makeKey();
  writeFileSync(file, text, { mode: 0o600 });
  return text;
}

/** About one key in 200 that ssh2 1.17 writes it cannot read again (16 of 3,000 measured): those are made anew. */
export function makeKey(): string {
  for (;;) {
    const { private: text } = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'breakglass-lab' });
    if (!(ssh2.utils.parseKey(text) instanceof Error)) return text;
  }
}

function publicHalf(file: string): string {
  const key = ssh2.utils.parseKey(readFileSync(file));
  if (key instanceof Error)
    throw new Error(`${file} is no private key that the lab can read: ${key.message}`);
  return `${key.type} ${key.getPublicSSH().toString('base64')} breakglass-lab`;
}
