import { expect, test } from 'vitest';
import { statusAnswer } from '../power-host/run-verb.ts';
import { shutdownBy } from './shutdown-holder.ts';

const answer = (holder: string) => {
  const stdout = `status: running\nqmp: answers\n${holder}`;
  return statusAnswer(
    {
      how: 'exited',
      exitCode: 0,
      signal: undefined,
      begun: 'yes',
      reached: 'logged-in',
      failure: undefined,
      stderrTail: '',
      detail: '',
      stdout,
      answer: stdout,
      stderr: '',
      host: undefined,
    },
    undefined,
  );
};

test('only a Shutdown that holds the lock file is one, and it says whose', () => {
  const task = (type: string) => `UPID:pve1:0012AB34:0A1B2C3D:66F00000:${type}:102:root@pam:`;
  expect(shutdownBy(answer(`holder: pid 1223476: task ${task('qmshutdown')}\n`))).toBe('root@pam');
  expect(shutdownBy(answer(`holder: pid 1223476: task ${task('qmstop')}\n`))).toBeUndefined();
  expect(shutdownBy(answer(''))).toBeUndefined();
  expect(shutdownBy(undefined)).toBeUndefined();
});
