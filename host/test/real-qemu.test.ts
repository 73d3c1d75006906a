// The forced command on a real QEMU, well and wedged, on a host that is at its limit.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { skippedBecause } from '../../test/support/skipped-because.ts';
import { type BusyLoops, startBusyLoops } from './support/busy-loops.ts';
import { type RealHost, startRealHost, whyNoQemu } from './support/wedged-qemu.ts';

const why = await whyNoQemu();

const MATTERS = [
  'config',
  'pending',
  'process-a',
  'tasks-a',
  'process-b',
  'tasks-b',
  'gdb',
  'identity',
  'cluster',
];

describe.skipIf(why !== undefined)(`the forced command on a real QEMU${skippedBecause(why)}`, () => {
  let host: RealHost;
  let loops: BusyLoops | undefined;

  beforeAll(async () => {
    host = await startRealHost();
  }, 240_000);
  afterAll(async () => {
    await loops?.end();
    await host?.close();
  });

  test('status is QEMU’s own answer, with the age of its process', async () => {
    const { stdout, result } = await host.verb('status');
    expect(result).toMatchObject({ vm_state: 'running', qmp: 'answers' });
    const seconds = Number(/^uptime: (\d+) s$/m.exec(stdout)?.[1]);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(600);
  });

  test.each([
    ['stopped, its monitor’s queue full', 'stopped', /its process is stopped by a signal/],
    ['hung in its disk', 'hung', /greets, and then says nothing/],
  ] as const)(
    'a capture of a wedged VM (%s), beside eight busy loops, keeps what matters; a cycle cures it',
    async (_name, how, monitor) => {
      await host.wedge(how);
      loops = startBusyLoops(8);
      const { stdout, result } = await host.verb('forensics');
      await loops.end();
      expect(/^qmp: silent: .*$/m.exec(stdout)?.[0]).toMatch(monitor);
      const evidence = result.evidence ?? '';
      const { steps } = host.manifest(evidence);
      for (const name of MATTERS)
        expect(steps.find((step) => step.name === name)).toMatchObject({ name, status: 'ok' });
      expect(host.file(evidence, 'config.txt')).toMatch(
        /^memory: 256$[\s\S]*^\[PENDING\]$[\s\S]*^memory: 288$/m,
      );
      expect(host.file(evidence, 'pending.txt')).toContain('cur memory: 256\nnew memory: 288\n');
      expect(host.file(evidence, 'gdb.txt')).toMatch(/^Thread 1 /m);
      expect(result).toMatchObject({ qmp: 'silent' });

      const status = await host.verb('status');
      expect(status.stdout).toContain('\nqmp: silent\n');

      const cycle = await host.verb('cycle');
      expect([cycle.exitCode, cycle.stdout]).toEqual([0, expect.stringContaining('"vm_state":"running"')]);
      expect(await host.qemu.bannerAnswers(120_000)).toBe(true);
      host.qemu.machine.stage({ memory: '288' });
      host.qemu.machine.setConfig('memory', '256');
    },
    300_000,
  );
});
