// What a colleague with a shell would see in the lab's VM.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { House } from './house.ts';

const OPTIONS = [
  'BatchMode=yes',
  'StrictHostKeyChecking=no',
  'UserKnownHostsFile=/dev/null',
  'LogLevel=ERROR',
  'ConnectTimeout=5',
];

/** Standard output, trimmed. Asynchronous: the VM lives in the test's own process. */
export async function inVm(house: House, command: string): Promise<string> {
  const options = OPTIONS.flatMap((option) => ['-o', option]);
  const { stdout } = await promisify(execFile)(
    'ssh',
    [
      '-F',
      'none',
      '-i',
      house.keyPath,
      '-p',
      String(house.vmPort),
      ...options,
      'breakglass@127.0.0.1',
      '--',
      command,
    ],
    { encoding: 'utf8' },
  );
  return stdout.trim();
}
