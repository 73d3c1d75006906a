// What a target's state tells of what is being asked: only while there is no answer that says something about now.
import { expect, test } from 'vitest';
import type { HostKeySide } from '../../protocol/host-keys.ts';
import type { TargetName } from '../../protocol/ids.ts';
import { answering } from '../../test/support/probed.ts';
import { noEvidence } from '../../test/support/small-target.ts';
import type { LastChange } from '../power/port.ts';
import { parseStatus } from '../power-host/output.ts';
import { targetState } from './target-state.ts';

const probed = await answering();
const status = parseStatus('status: running\nqmp: answers\nagent: answers\n', undefined);
const agoS = (seconds: number): string => new Date(Date.now() - seconds * 1_000).toISOString();

interface Told {
  readonly asked?: Partial<Record<HostKeySide, number>>;
  /** Seconds ago; absent: never. */
  readonly sshAgoS?: number;
  readonly hostAgoS?: number;
  readonly change?: LastChange;
}

const stateOf = ({ asked = {}, sshAgoS, hostAgoS, change }: Told) =>
  targetState({
    name: 'devvm' as TargetName,
    title: undefined,
    readings: {
      askedSince: (side) => asked[side],
      host: () =>
        hostAgoS === undefined || status === undefined
          ? undefined
          : { value: { status, version: undefined }, at: agoS(hostAgoS) },
      ssh: () => (sshAgoS === undefined ? undefined : { value: probed, at: agoS(sshAgoS) }),
    },
    evidence: noEvidence,
    power: { running: () => undefined, lastChange: () => change },
    diagnosis: { found: () => undefined, looking: () => undefined },
    past: { recent: () => undefined, found: () => undefined, verb: () => undefined },
    keyAcceptedAt: () => 0,
  });

const SINCE_MS = Date.parse('2026-01-31T02:00:00Z');
const ASKING = { since: '2026-01-31T02:00:00.000Z' };

test('each reading that nobody has answered yet says since when it is asked', () => {
  const { vm, ssh, qmp, guest_agent } = stateOf({ asked: { vm: SINCE_MS, power_host: SINCE_MS } });
  expect([vm.asking, ssh.asking, qmp.asking, guest_agent.asking]).toEqual([ASKING, ASKING, ASKING, ASKING]);
  expect(ssh).toMatchObject({ answers: null, reading: 'unknown', at: null });
});

test('each side is told apart, and what nobody asks says nothing', () => {
  const state = stateOf({ asked: { vm: SINCE_MS } });
  expect(state.ssh.asking).toEqual(ASKING);
  for (const reading of [state.vm, state.qmp, state.guest_agent])
    expect(reading).not.toHaveProperty('asking');
  expect(stateOf({}).ssh).not.toHaveProperty('asking');
});

test('an answer that still says something about now is no news to wait for; one that is old is', () => {
  const asked = { vm: SINCE_MS, power_host: SINCE_MS };
  const young = stateOf({ asked, sshAgoS: 8, hostAgoS: 8 });
  expect([young.ssh.asking, young.qmp.asking]).toEqual([undefined, undefined]);
  const old = stateOf({ asked, sshAgoS: 16, hostAgoS: 16 });
  expect([old.ssh.asking, old.vm.asking]).toEqual([ASKING, ASKING]);
});

test('what was answered before the last verb ended says nothing about now', () => {
  const change = { verb: 'cycle', by: { type: 'operator', name: 'ann' } } as const;
  const ended = {
    ...change,
    beganAtMs: Date.now() - 20_000,
    endedAtMs: Date.now() - 4_000,
    overAtMs: undefined,
  };
  const asked = { vm: SINCE_MS };
  expect(stateOf({ asked, sshAgoS: 6, change: ended }).ssh.asking).toEqual(ASKING);
  expect(stateOf({ asked, sshAgoS: 2, change: ended }).ssh).not.toHaveProperty('asking');
  const runs = { ...ended, endedAtMs: undefined };
  expect(stateOf({ asked, sshAgoS: 6, change: runs }).ssh).not.toHaveProperty('asking');
});
