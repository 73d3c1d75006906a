// A VM that hangs while a command is stopped, and goes on later. Real OpenSSH on both ends.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { startSshd } from '../../test/support/sshd.ts';
import { createGuest } from './guest.ts';

const isAlive = (mark: string): boolean =>
  execFileSync('ps', ['-e', '-o', 'stat=', '-o', 'args='], { encoding: 'utf8' })
    .split('\n')
    .some((line) => line.includes(mark) && !line.startsWith('Z') && !line.includes('ps -e'));

test('a stop that could not be proven in time is proven when the VM goes on, and then the command is gone', async () => {
  const vm = await startSshd();
  const ssh = connectTo(vm, { keepalive: { intervalS: 20, count: 3 } });
  const guest = createGuest({ repair: ssh, logger: silent });
  expect(await ssh.warm(30_000)).toBe(true);
  const ready = Promise.withResolvers<void>();
  const stop = new AbortController();
  const running = guest.run({
    account: 'repair',
    command: 'echo READY; exec sleep 306.1',
    timeoutMs: 120_000,
    signal: stop.signal,
    onOutput: (_stream, text) => {
      if (text.includes('READY')) ready.resolve();
    },
  });
  await ready.promise;
  // Everything of the VM's SSH hangs; the command itself goes on.
  const hung = [vm.listener, ...vm.connections()];
  vm.signal(hung, 'SIGSTOP');
  stop.abort();
  const result = await running;
  expect(result).toMatchObject({ ended: 'stopped', farSide: 'unproven' });
  expect(isAlive('sleep 306.1')).toBe(true);
  vm.signal(hung, 'SIGCONT');
  expect(await result.proof).toBe(true);
  expect(isAlive('sleep 306.1')).toBe(false);
  await guest.close();
  await vm.stop();
});
