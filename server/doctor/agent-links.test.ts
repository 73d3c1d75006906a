// The agent's links, with the real Claude Code in front of an endpoint that misbehaves.
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { answer, type Handler, text } from '../../lab/model/scripted.ts';
import type { Link } from '../../protocol/doctor.ts';
import { freePort } from '../../test/support/free-port.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { startRig } from '../agent/agent.fixture.ts';
import { claudeBinary } from '../agent/process-options.ts';
import { type AgentParts, agentChain } from './agent-links.ts';
import { BOUNDS, examine } from './examine.ts';

const SECRET = 'sk-ant-doctor-secret-0123456789';
/** A program of 200 MB starts slowly beside eight busy loops. */
const PATIENCE_MS = 110_000;
const credentialsOf = (url: string) => ({ ANTHROPIC_API_KEY: SECRET, ANTHROPIC_BASE_URL: url });

async function look(handler: Handler, change: Partial<AgentParts> = {}): Promise<readonly Link[]> {
  const rig = await startRig(handler, { bounds: { questionMs: PATIENCE_MS } });
  onTestFinished(() => rig.close());
  return examine(
    [
      agentChain({
        credentials: credentialsOf(rig.model.url),
        model: 'sonnet',
        binary: claudeBinary,
        askOnce: (signal) => rig.driver.askOnce(signal),
        limits: { versionMs: PATIENCE_MS, questionMs: PATIENCE_MS },
        ...change,
      }),
    ],
    { ...BOUNDS, wholeMs: PATIENCE_MS },
  );
}

const faults = (links: readonly Link[]): Record<string, string> =>
  Object.fromEntries(
    links
      .filter(({ state }) => state !== 'works')
      .map(({ code, state, because }) => [code, because === undefined ? state : `because ${because}`]),
  );
const detailOf = (links: readonly Link[], code: Link['code']) =>
  links.find((link) => link.code === code)?.detail;
const ok: Handler = () => answer(text('ok'));

test('an agent that is well: the first word is timed, and one small question is all that it costs', async () => {
  let asked = 0;
  const links = await look((request) => {
    if (request.messages.some(({ content }) => JSON.stringify(content).includes('Answer with the one word')))
      asked++;
    expect(request.toolNames).toEqual([]);
    return ok(request);
  });
  expect(faults(links)).toEqual({});
  expect(detailOf(links, 'model-answer')).toMatch(/answers; its first word took \d+\.\d s\.$/);
  expect(asked).toBe(1);
});

test('agent-binary: it is not installed', async () => {
  const links = await look(ok, {
    binary: () => {
      throw new Error('Claude Code is not installed for linux-riscv64: run npm ci without --omit=optional.');
    },
  });
  expect(faults(links)).toEqual({
    'agent-binary': 'broken',
    'model-credential': 'because agent-binary',
    'model-answer': 'because agent-binary',
  });
});

test('agent-binary: another version than the SDK was made for', async () => {
  const file = path.join(tempDir(), 'claude');
  writeFileSync(file, '#!/bin/sh\necho "1.0.0 (Claude Code)"\n');
  chmodSync(file, 0o755);
  const links = await look(ok, { binary: () => file });
  expect(faults(links)).toEqual({ 'agent-binary': 'doubtful' });
});

test('model-route: nothing listens', async () => {
  const links = await look(ok, { credentials: credentialsOf(`http://127.0.0.1:${await freePort()}`) });
  expect(faults(links)).toEqual({
    'model-route': 'broken',
    'model-credential': 'because model-route',
    'model-answer': 'because model-route',
  });
});

test('model-route: an address of the proxy that names no host is not taken for this machine', async () => {
  const chain = agentChain({
    credentials: { ANTHROPIC_API_KEY: SECRET, HTTPS_PROXY: 'proxy:3128' },
    model: 'sonnet',
    binary: () => '/nonexistent',
    askOnce: async () => ({ type: 'not-asked', why: '' }),
  });
  expect((await examine([chain])).find(({ code }) => code === 'model-route')).toMatchObject({
    state: 'broken',
    detail: 'The address of the proxy is not understood.',
  });
});

test.each([
  ['', 'The proxy'],
  ['other.example 10.0.0.1', 'The proxy'],
  ['localhost:1', 'The proxy'],
  ['*', 'The model API'],
  ['10.0.0.1, LOCALHOST', 'The model API'],
  ['.localhost', 'The model API'],
  ['localhost:PORT', 'The model API'],
] as const)('model-route: with NO_PROXY "%s" it looks at: %s', async (noProxy, what) => {
  const port = await freePort();
  const chain = agentChain({
    credentials: {
      ANTHROPIC_API_KEY: SECRET,
      ANTHROPIC_BASE_URL: `https://localhost:${port}`,
      HTTPS_PROXY: `http://127.0.0.1:${await freePort()}`,
      NO_PROXY: noProxy.replace('PORT', String(port)),
    },
    model: 'sonnet',
    binary: () => '/nonexistent',
    askOnce: async () => ({ type: 'not-asked', why: '' }),
  });
  expect((await examine([chain])).find(({ code }) => code === 'model-route')?.detail).toMatch(
    new RegExp(`^${what}( \\(HTTPS_PROXY\\))? is not reached`),
  );
});

test('model-credential: the API rejects it, and the verdict does not repeat it', async () => {
  const links = await look(() => ({ type: 'status', status: 401, message: `invalid x-api-key ${SECRET}` }));
  expect(faults(links)).toEqual({ 'model-credential': 'broken', 'model-answer': 'because model-credential' });
  expect(JSON.stringify(links)).not.toContain(SECRET);
});

test('model-answer: the API does not know the model, and the credential is good all the same', async () => {
  const links = await look(() => ({ type: 'status', status: 404, message: 'model: sonnet' }));
  expect(faults(links)).toEqual({ 'model-answer': 'broken' });
  expect(links.find(({ code }) => code === 'model-answer')?.remedy).toContain('BREAKGLASS_MODEL');
});

test('without a credential there is no agent, and nothing of it is a fault', async () => {
  const links = await look(ok, { credentials: {} });
  expect([...new Set(links.map(({ state }) => state))]).toEqual(['not-used']);
});
