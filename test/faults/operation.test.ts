// The console dies in the middle of a verb. The power host carries on; the next console asks it and closes the operation.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import { startHouse } from '../support/house.ts';
import { Viewer } from '../support/viewer.ts';
import { until } from '../support/wait-for.ts';

test.each([
  ['is begun on the host', undefined],
  ['collects evidence', 'forensics'],
  ['stops the VM', 'stop'],
])(
  'killed while a cycle %s: the operation is checked, closed once and never run again',
  async (_moment, step) => {
    const house = await startHouse({ scenario: 'io-stall' });
    onTestFinished(() => house.close());
    const ask = async <T>(method: string, url: string): Promise<T> =>
      (await (await house.call(method, url)).json()) as T;
    const session = await house.newSession();
    const { id } = await ask<Operation>('POST', '/api/targets/devvm/power/cycle');
    const look = (): Promise<Operation> => ask('GET', `/api/operations/${id}`);
    const audit = (word: string) =>
      readFileSync(path.join(house.machine.dir, 'log/breakglass-pve.log'), { encoding: 'utf8', flag: 'a+' })
        .split('\n')
        .filter((line) => line.includes('verb=cycle') && line.includes(word));
    await until('the begin of the cycle on the host', () => audit(' begins ').length > 0);
    if (step !== undefined)
      await until(`the step ${step}`, async () => (await look()).steps.some(({ name }) => name === step));
    await house.kill();
    await house.start();
    // As an event: in the journal, and not only in the memory of a console that is killed next.
    const viewer = new Viewer(house, session);
    await viewer.until('the end of the operation', (seen) => seen.count('power_finished') > 0);
    await viewer.close();
    const closed = await look();
    expect(closed).toMatchObject({
      verb: 'cycle',
      state: expect.stringMatching(/succeeded|failed|unknown/),
      outcome: { summary: expect.any(String) },
    });

    // The host finished what was begun: one cycle, and the VM runs.
    await until("the cycle's end in the host's log", () => audit('exit=').length > 0);
    await house.kill();
    await house.start();
    // Whatever the new console does first goes before what it is asked for: and there was nothing.
    await ask('POST', '/api/pve/status');
    expect((await ask<TargetState>('GET', '/api/targets/devvm')).operation).toBeNull();
    expect(audit('exit=')).toHaveLength(1);
    expect(house.machine.status()).toBe('running');
    expect(house.machine.boot().number).toBe(2);
    // In memory it ended when the server knew, in the journal when it was written: a millisecond apart.
    expect(await look()).toEqual({ ...closed, finished_at: expect.any(String) });
  },
);
