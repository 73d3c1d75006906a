import { expect, test } from 'vitest';
import { parseStatus } from '../power-host/output.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import { shutdownBy } from './shutdown-holder.ts';

const answer = (holder: string): StatusAnswer => {
  const status = parseStatus(`status: running\nqmp: answers\n${holder}`, undefined);
  if (status === undefined) throw new Error('that is no status');
  return { status, version: undefined };
};

test('only a Shutdown that holds the lock file is one, and it says whose', () => {
  const task = (type: string) => `UPID:pve1:0012AB34:0A1B2C3D:66F00000:${type}:102:root@pam:`;
  expect(shutdownBy(answer(`holder: pid 1223476: task ${task('qmshutdown')}\n`))).toBe('root@pam');
  expect(shutdownBy(answer(`holder: pid 1223476: task ${task('qmstop')}\n`))).toBeUndefined();
  expect(shutdownBy(answer(''))).toBeUndefined();
  expect(shutdownBy(undefined)).toBeUndefined();
});
