// What the host prints of a capture, for where the bundle cannot be fetched.
import { expect, test } from 'vitest';
import { known } from '../triage/reading.ts';
import { readCapture } from './printed-capture.ts';

const told = (...lines: readonly string[]) =>
  readCapture(['--- forensics (06:58:00Z) ---', ...lines].join('\n'));

test('threads that could not be looked at are not "none"', () => {
  expect(told('threads in D state: none in sample A, none in sample B').stuckThreads).toEqual(known([]));
  expect(told('threads in D state: 7 8 in sample A, 8 9 in sample B').stuckThreads).toMatchObject({
    value: [{ name: 'thread 8' }],
  });
  for (const line of ['not known in sample A, none in sample B', 'none in sample A, not known in sample B'])
    expect(told(`threads in D state: ${line}`).stuckThreads?.is, line).toBe('unreadable');
});

test('each disk is told where the host tells each, else all together', () => {
  const all = [
    'diskread: 5 -> 5 (+0 bytes between the samples)',
    'diskwrite: 1 -> 9 (+8 bytes between the samples)',
  ];
  expect(told(...all).disks).toMatchObject({ value: [{ device: 'all disks', written: 8, stillForS: 0 }] });
  const each = [
    'disk scsi0: read +0, wrote +0 bytes between the samples',
    'disk scsi1: read +0, wrote +8 bytes between the samples',
  ];
  expect(told(...each, ...all).disks).toMatchObject({
    value: [
      { device: 'scsi0', stillForS: 2 },
      { device: 'scsi1', stillForS: 0 },
    ],
  });
  expect(told('diskread: not told: QMP does not answer').disks).toBeUndefined();
});

test('silence counts where its reason is told: the bare word was printed of a monitor that nobody had asked', () => {
  expect(told('qmp: silent: greets, and then says nothing').qmp).toEqual(known({ silentLooks: 1 }));
  expect(told('qmp: answers, held 2.2 s').qmp).toEqual(known({ silentLooks: 0 }));
  expect(told('qmp: silent').qmp?.is).toBe('unreadable');
  expect(told('qmp: not asked').qmp?.is).toBe('not-asked');
});

test('frozen file systems, an agent of which nothing is known, and a configuration on another node', () => {
  expect(told("guest's file systems: frozen").fileSystems).toEqual(known('frozen'));
  expect(told('guest agent: not known').guestAgent?.is).toBe('not-asked');
  expect(told('config: missing', 'node: pve2').placement).toEqual(
    known({ elsewhere: 'the cluster has it on the node pve2' }),
  );
});

test("what was printed before the last capture is nobody's", () => {
  const stdout = 'qmp: silent: x\n--- forensics (06:58:00Z) ---\nqmp: answers, held 2 s\n';
  expect(readCapture(stdout).qmp).toEqual(known({ silentLooks: 0 }));
});
