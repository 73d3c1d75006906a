// Stop, across all rooms: the page's cancel ends the turn and the command in the VM, or says that it could not prove it.
import { expect, onTestFinished, test } from 'vitest';
import { answer, startScriptedModel, text, toolUse } from '../../lab/model/scripted.ts';
import { type House, startHouse } from '../support/house.ts';
import { inVm } from '../support/in-vm.ts';
import { Viewer } from '../support/viewer.ts';

async function houseRunning(command: string): Promise<{ house: House; session: string; viewer: Viewer }> {
  const model = await startScriptedModel((request) =>
    JSON.stringify(request.messages.at(-1)).includes('tool_result')
      ? answer(text('Done.'))
      : answer(toolUse('mcp__breakglass__ssh', { host: 'devvm', command, timeout_s: 600 })),
  );
  const house = await startHouse({ modelUrl: model.url });
  onTestFinished(async () => {
    await house.close();
    await model.close();
  });
  const session = await house.newSession();
  const viewer = new Viewer(house, session);
  await house.call('POST', `/api/session/${session}/prompt`, { prompt: 'go' });
  await viewer.until('output of the command', ({ ephemeral }) =>
    ephemeral.some(({ kind }) => kind === 'tool_output'),
  );
  return { house, session, viewer };
}

test('stop ends the turn and the command in the VM, and says that it saw it end', async () => {
  const { house, session, viewer } = await houseRunning('echo begun; sleep 345');
  expect(await inVm(house, 'pgrep -fc "^sleep 345" || true')).toBe('1');
  expect(await (await house.call('POST', `/api/session/${session}/cancel`)).json()).toEqual({
    cancelled: true,
  });
  await viewer.turnsEnded();
  const kinds = viewer.events.map(({ kind }) => kind);
  expect(kinds.slice(-2)).toEqual(['cancelled', 'turn_end']);
  expect(viewer.events.find(({ kind }) => kind === 'tool_result')).toMatchObject({ ended: 'stopped' });
  // With the result, or where the machine is too busy for the 2 s of a stop, later as an event of its own.
  await viewer.until('the proof that the command has ended', ({ events }) =>
    events.some(
      (event) => ['tool_result', 'far_side'].includes(event.kind) && event['far_side'] === 'proven',
    ),
  );
  expect(await inVm(house, 'pgrep -fc "^sleep 345" || true')).toBe('0');
  // The session stays usable.
  await house.call('POST', `/api/session/${session}/cancel`);
  expect((await house.call('POST', `/api/session/${session}/prompt`, { prompt: 'again' })).status).toBe(200);
  await viewer.close();
});

test('when the VM stalls under a running command, stop still ends the turn and says that nothing is proven', async () => {
  const { house, session, viewer } = await houseRunning('echo begun; sleep 346');
  await house.stall();
  await house.call('POST', `/api/session/${session}/cancel`);
  await viewer.turnsEnded();
  expect(viewer.events.find(({ kind }) => kind === 'tool_result')).toMatchObject({
    ended: 'stopped',
    far_side: 'unproven',
  });
  await viewer.close();
});
