// A console that is killed while alerts come in: what it acknowledged is there afterwards, in one incident with one session.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Incidents } from '../../protocol/alerts.ts';
import { type House, startHouse } from '../support/house.ts';
import { until } from '../support/wait-for.ts';

const KILLS = 8;

describe('while alerts come in', () => {
  let house: House;
  beforeAll(async () => {
    house = await startHouse({ scenario: 'disk-full' });
  });
  afterAll(() => house.close());

  test('a console that is killed again and again loses none that it acknowledged, and opens one session', async () => {
    const acknowledged = new Set<string>();
    let sent = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      let alive = true;
      const before = acknowledged.size;
      const monitor = async (): Promise<void> => {
        while (alive) {
          const fingerprint = `a${sent++}`;
          const alert = { title: fingerprint, status: 'firing', fingerprint };
          const answer = await house.call('POST', '/api/alerts/generic', alert).catch(() => undefined);
          if (answer?.status === 200) acknowledged.add(fingerprint);
        }
      };
      const monitors = [monitor(), monitor(), monitor()];
      // Each time at another point of the work.
      await until(`${kill} acknowledged`, () => acknowledged.size >= before + kill);
      await house.kill();
      alive = false;
      await Promise.all(monitors);
      await house.start();
    }
    const { incidents } = (await (await house.call('GET', '/api/incidents')).json()) as Incidents;
    expect(incidents).toHaveLength(1);
    const recorded = (incidents[0]?.firing ?? 0) + (incidents[0]?.counted ?? 0);
    expect(recorded).toBeGreaterThanOrEqual(acknowledged.size);
    expect(recorded).toBeLessThanOrEqual(sent);
    const { sessions } = (await (await house.call('GET', '/api/sessions')).json()) as { sessions: unknown[] };
    expect(sessions).toHaveLength(1);
    await until('the verdict, which the dead ones did not come to', async () => {
      const list = (await (await house.call('GET', '/api/incidents')).json()) as Incidents;
      return list.incidents[0]?.verdict;
    });
  });
});
