// The two drills of a VM that carries a lock, without a browser: the real console, the real forced command, the lab behind them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findScenario } from '../../lab/scenarios/catalog.ts';
import type { Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { type House, startHouse } from '../support/house.ts';
import { inVm } from '../support/in-vm.ts';
import { until } from '../support/wait-for.ts';

const LIMIT = { timeout: 600_000 };

interface Drill {
  readonly house: House;
  readonly status: () => Promise<string>;
  readonly triage: () => Promise<TriageReport>;
  /** Pressed as by a person who means it: a second time where triage speaks against it. */
  readonly press: (verb: string) => Promise<Operation>;
}

const startDrill = async (scenario: string): Promise<Drill> => {
  const house = await startHouse({ scenario });
  onTestFinished(() => house.close());
  const ask = async (method: string, url: string, body?: unknown) =>
    (await house.call(method, url, body)).json() as Promise<unknown>;
  const look = async (id: string) => (await ask('GET', `/api/operations/${id}`)) as Operation;
  return {
    house,
    status: async () => ((await ask('POST', '/api/pve/status')) as { stdout: string }).stdout,
    triage: async () => (await ask('POST', '/api/targets/devvm/triage')) as TriageReport,
    press: async (verb) => {
      const url = `/api/targets/devvm/power/${verb}`;
      let begun = (await ask('POST', url)) as Operation & { confirm?: string };
      if (begun.confirm !== undefined)
        begun = (await ask('POST', url, { confirm: begun.confirm })) as Operation;
      await until(`the end of ${verb}`, async () => (await look(begun.id)).state !== 'running');
      return look(begun.id);
    },
  };
};

const words = ({ finding, cautions }: TriageReport): string =>
  [finding.summary, finding.advice, ...cautions.map(({ text }) => text)].join('\n');

test(
  'backup-lock: every verb is refused with the reason, a console that is open owns no lock, and after a person has unlocked it a cycle cures the VM',
  LIMIT,
  async () => {
    const { house, status, triage, press } = await startDrill('backup-lock');
    const tasks = readFileSync(path.join(house.machine.dir, 'log/pve/tasks/active'), 'utf8');
    expect(tasks).toMatch(/:vncproxy:102:.* 0$/m);
    await expect(inVm(house, 'true')).rejects.toThrow();

    const said = await status();
    expect(said).toMatch(/^lock: backup$/m);
    expect(said).not.toMatch(/^task:/m);
    const found = await triage();
    expect(found.finding).toMatchObject({ code: 'stale-lock', advised: null });
    expect(words(found)).toContain('qm unlock 102');

    for (const verb of ['reset', 'stop', 'cycle']) {
      const refused = await press(verb);
      expect(refused.state).toBe('failed');
      // The command that a person types is the last word.
      expect(refused.outcome?.summary).toMatch(
        /VM is locked \(backup\), and no running task is seen .* qm unlock 102$/,
      );
    }
    expect(house.machine.boot().number).toBe(1);
    expect(house.machine.status()).toBe('running');

    const [program = '', ...argv] = findScenario('backup-lock')?.byHand?.split(' ') ?? [];
    execFileSync(path.join(house.machine.dir, 'bin', program), argv);
    const below = await triage();
    expect(below.finding).toMatchObject({ code: 'block-path-stalled', advised: 'cycle' });
    const cycled = await press('cycle');
    expect(cycled.state).toBe('succeeded');
    await until('SSH of the VM', () =>
      inVm(house, 'systemctl is-active gitea').then(
        (answer) => answer === 'active',
        () => false,
      ),
    );
    expect((await triage()).finding.code).toBe('nothing-wrong-found');
  },
);

test(
  'hibernated: nothing is to be unlocked, cycle is refused, start resumes the guest where it was, and what is staged waits for a cycle',
  LIMIT,
  async () => {
    const { house, status, triage, press } = await startDrill('hibernated');
    expect(await status()).toMatch(/^status: stopped$[\s\S]*^lock: suspended$/m);
    const found = await triage();
    expect(found.finding).toMatchObject({ code: 'suspended-to-disk', advised: 'start' });
    expect(words(found)).not.toContain('unlock');
    expect(words(found)).toContain('8192 → 12288. The start that resumes it does not apply it');

    const refused: unknown = await (await house.call('POST', '/api/targets/devvm/power/cycle')).json();
    expect(refused).toMatchObject({
      code: 'does-not-apply',
      detail: expect.stringContaining('Use start, which resumes it.'),
    });
    expect(house.machine.status()).toBe('stopped');

    const started = await press('start');
    expect(started).toMatchObject({
      state: 'succeeded',
      outcome: { summary: expect.stringContaining('resumed') },
    });
    expect(house.machine.config()).not.toHaveProperty('lock');
    expect(house.machine.config()).not.toHaveProperty('vmstate');
    // The same boot, with the memory that it had.
    expect(await inVm(house, 'uptime -p')).toMatch(/^up 23 days, 4 hours/);
    const memory = async () => Number(await inVm(house, "free -m | awk '/Mem:/ {print $2}'"));
    expect(await memory()).toBeLessThan(8192);

    expect((await triage()).finding.code).toBe('nothing-wrong-found');
    expect((await press('cycle')).state).toBe('succeeded');
    await until('SSH of the VM', () =>
      memory().then(
        (mib) => mib > 11_000,
        () => false,
      ),
    );
    expect(await inVm(house, 'uptime -p')).toBe('up 0 minutes');
  },
);
