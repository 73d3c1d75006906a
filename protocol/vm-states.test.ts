import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CONFIG_LOCKS, configLock, parseTask, RUN_STATES, runStateKind, taskFitsLock } from './vm-states.ts';

const task = (type: string, id: string) =>
  parseTask(`UPID:pve:0000562B:0005FD2C:6B08EE8F:${type}:${id}:root@pam:`) ?? expect.fail('no task');

test("the states are those of QEMU's RunState and the one that qm adds; the locks those of qemu-server", () => {
  expect(Object.keys(RUN_STATES)).toHaveLength(17);
  expect(Object.keys(CONFIG_LOCKS)).toHaveLength(9);
});

test('what is not in a table is not known, whatever its name', () => {
  for (const name of ['', 'Running', 'constructor', '__proto__', 'toString', 'backup ']) {
    expect(runStateKind(name)).toBeUndefined();
    expect(configLock(name)).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.string(), (name) => {
      if (!Object.hasOwn(RUN_STATES, name)) expect(runStateKind(name)).toBeUndefined();
    }),
  );
});

test('a task explains a lock by its type and by its VM', () => {
  expect(taskFitsLock(task('vzdump', '102'), 'backup', 102)).toBe('yes');
  expect(taskFitsLock(task('vzdump', ''), 'backup', 102)).toBe('perhaps');
  expect(taskFitsLock(task('vzdump', '117'), 'backup', 102)).toBe('no');
  expect(taskFitsLock(task('vncproxy', '102'), 'backup', 102)).toBe('no');
  expect(taskFitsLock(task('qmclone', '9000'), 'clone', 102)).toBe('perhaps');
  expect(taskFitsLock(task('qmigrate', '117'), 'migrate', 102)).toBe('no');
  expect(taskFitsLock(task('vzdump', '102'), 'new-one', 102)).toBe('no');
  expect(taskFitsLock(task('vzdump', '102'), 'backup', undefined)).toBe('yes');
  expect(taskFitsLock(task('vzdump', ''), 'backup', undefined)).toBe('perhaps');
});

test('a UPID is read where it stands, and what only looks like one is none', () => {
  expect(parseTask('17248 task UPID:vm:00004360:00032F0F:6B08E760:qmmove:102:root@pam:')).toMatchObject({
    type: 'qmmove',
    id: '102',
    user: 'root@pam',
    startedAt: 0x6b08e760,
  });
  for (const text of ['', 'UPID:', 'UPID:vm:x:y:z:qmmove:102:root@pam:', 'task qmmove:102'])
    expect(parseTask(text)).toBeUndefined();
  fc.assert(fc.property(fc.string(), (text) => void parseTask(text)));
});
