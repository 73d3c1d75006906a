// The agent through the real Claude Code CLI, driven by a scripted endpoint.
import { afterAll, expect, test } from 'vitest';
import { answer, text, toolUse } from '../../lab/model/scripted.ts';
import { bodies, kinds, ofKind, type Rig, runTurn, startRig } from './agent.fixture.ts';

const rigs: Rig[] = [];
afterAll(() => Promise.all(rigs.map((rig) => rig.close())));
const rigged = async (...args: Parameters<typeof startRig>): Promise<Rig> => {
  const rig = await startRig(...args);
  rigs.push(rig);
  return rig;
};

test('a turn streams its text, then tells it whole, with usage and a result', async () => {
  const rig = await rigged(() => ({
    type: 'answer',
    blocks: [text('The disk is full.')],
    pace: { chars: 4, ms: 5 },
  }));
  const events = await runTurn(rig.agent, 'hello');
  const deltas = events.flatMap((each) => (each.type === 'delta' ? [each.text] : []));
  expect(deltas.length).toBeGreaterThan(1);
  expect(deltas.join('')).toBe('The disk is full.');
  expect(kinds(events)).toEqual(['text', 'usage', 'result']);
  expect(bodies(events)[0]).toEqual({ kind: 'text', text: 'The disk is full.' });
  expect(ofKind(events, 'result')[0]).toMatchObject({ is_error: false, result: 'The disk is full.' });
});
