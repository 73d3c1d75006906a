// What a status tells triage, in the words of the host's scripts, older and newer.
import { expect, test } from 'vitest';
import { parseStatus } from '../power-host/output.ts';
import { known } from '../triage/reading.ts';
import { readStatus, statusSignals } from './status-signals.ts';

const told = (...lines: readonly string[]) =>
  readStatus(parseStatus(['status: running', 'vm: 102', ...lines].join('\n'), undefined));

test('a monitor that was asked some time ago was not asked now; that there is a process was seen now', () => {
  const silent = told('qmp: silent', 'monitor: it was silent', 'asked: 40 s ago');
  expect(silent.qmp).toEqual({ is: 'stale', value: { silentLooks: 1 }, ageS: 40 });
  expect(silent.vmState).toEqual(known('running'));
  const answered = told('qmp: answers', 'monitor: not asked while a capture is at work', 'asked: 7 s ago');
  expect(answered).toMatchObject({ vmState: { is: 'stale', ageS: 7 }, qmp: { is: 'stale', ageS: 7 } });
  // It stood still all the while, which is known now.
  expect(told('qmp: silent', 'monitor: its main loop has not moved since it was silent').qmp).toEqual(
    known({ silentLooks: 1 }),
  );
});

test('what is old makes no second look at the monitor', () => {
  const status = parseStatus('status: running\nqmp: silent\nasked: 40 s ago\n', undefined);
  const captured = { qmp: known({ silentLooks: 1 }) };
  expect(statusSignals(status, captured, 'capture').qmp).toEqual(known({ silentLooks: 1 }));
});

test('why the monitor could not be asked is kept, and is no silence', () => {
  expect(told('monitor: it could not be asked: No such file or directory').qmp).toMatchObject({
    is: 'unreadable',
    why: 'it could not be asked: No such file or directory',
  });
  expect(told('monitor: not asked while a verb or a capture is at work').qmp).toMatchObject({
    is: 'not-asked',
  });
});

test('a process without a configuration here, a cluster that does not answer and one that is gone are three things', () => {
  expect(told().placement).toEqual(known('here'));
  expect(told('cluster: there is no configuration of VM 102 on this node').placement).toEqual(
    known({ elsewhere: 'there is no configuration of VM 102 on this node' }),
  );
  expect(told("cluster: the cluster's file system (/etc/pve) does not answer").placement?.is).toBe(
    'too-late',
  );
  expect(told("cluster: the cluster's file system (/etc/pve) is not there: No such file").placement?.is).toBe(
    'unreadable',
  );
});

test('who holds the lock file is told; that nobody does is not', () => {
  expect(told('holder: 17248 task UPID:x').lockFile).toEqual(
    known({ holder: '17248 task UPID:x', seenForS: undefined }),
  );
  expect(told().lockFile?.is).toBe('not-asked');
});
