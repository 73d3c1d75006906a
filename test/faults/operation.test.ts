// The console dies in the middle of a verb. The power host carries on; the next console asks it and closes the operation.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Operation } from '../../protocol/operations.ts';
import { startHouse } from '../support/house.ts';

test.each([300, 1_500, 3_500])(
  'killed %i ms into a cycle: the operation is checked, closed once and never run again',
  async (afterMs) => {
    const house = await startHouse({ scenario: 'io-stall' });
    onTestFinished(() => house.close());
    const started = (await (await house.call('POST', '/api/targets/devvm/power/cycle')).json()) as Operation;
    const look = async (): Promise<Operation> =>
      (await (await house.call('GET', `/api/operations/${started.id}`)).json()) as Operation;
    await sleep(afterMs);
    await house.kill();
    await house.start();
    let closed = await look();
    for (; closed.finished_at === undefined; closed = await look()) await sleep(200);
    expect(closed).toMatchObject({
      verb: 'cycle',
      state: expect.stringMatching(/succeeded|failed|unknown/),
      outcome: { summary: expect.any(String) },
    });

    // The host finished what was begun: one cycle, and the VM runs.
    const audit = () =>
      readFileSync(path.join(house.machine.dir, 'log/breakglass-pve.log'), 'utf8')
        .split('\n')
        .filter((line) => line.includes('verb=cycle') && line.includes('exit='));
    while (audit().length === 0) await sleep(200);
    await house.kill();
    await house.start();
    await sleep(500);
    expect(audit()).toHaveLength(1);
    expect(house.machine.status()).toBe('running');
    expect(house.machine.boot().number).toBe(2);
    // In memory it ended when the server knew, in the journal when it was written: a millisecond apart.
    expect(await look()).toEqual({ ...closed, finished_at: expect.any(String) });
  },
);
