// What `npm start` runs is the server of the sources, built: as a process, from its start to its end. `npm test` builds it first.
import { expect, onTestFinished, test } from 'vitest';
import type { EvidenceList, EvidenceRecord } from '../protocol/evidence.ts';
import { startHouse } from './support/house.ts';
import { Viewer } from './support/viewer.ts';
import { within } from './support/wait-for.ts';

test('the bundle serves the page, a turn of the agent, a verb and the evidence that its worker reads', async () => {
  const house = await startHouse({ scenario: 'io-stall', bundle: true });
  onTestFinished(() => house.close());
  expect(await (await house.call('GET', '/')).text()).toContain('<title>Breakglass</title>');
  expect((await house.call('GET', '/api/openapi.json')).status).toBe(200);

  const session = await house.newSession();
  const viewer = new Viewer(house, session);
  const asked = await house.call('POST', `/api/session/${session}/prompt`, { prompt: 'What is wrong?' });
  expect(asked.status).toBe(200);
  await viewer.turnsEnded();
  await viewer.close();
  expect(viewer.count('error')).toBe(0);
  expect(viewer.count('tool_result')).toBeGreaterThan(0);
  expect(viewer.count('text')).toBeGreaterThan(0);

  expect(await (await house.call('POST', '/api/pve/forensics')).json()).toMatchObject({ exit_code: 0 });
  const list = (await (await house.call('GET', '/api/evidence')).json()) as EvidenceList;
  const [newest] = list.evidence;
  const record = (await (await house.call('GET', `/api/evidence/${newest?.id}`)).json()) as EvidenceRecord;
  expect(Object.keys(record.sections).length).toBeGreaterThan(5);

  await within('the end of the bundle after SIGTERM', house.close());
});
