import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { problemsOf, type Route } from '../../protocol/contract.ts';
import { PROBLEMS } from '../../protocol/problems.ts';
import { ROUTES } from '../../protocol/routes.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { checkAnswer, checkEvent, OffContract } from '../../test/support/contract.ts';
import { testDoor } from '../../test/support/door.ts';
import { noEvidence, smallTargets } from '../../test/support/small-target.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';
import { openApi } from './openapi.ts';

const TOKEN = 'test-token-0123456789abcdef';
const routes = Object.entries<Route>(ROUTES);

/** Nothing is ever started here. */
const idlePower = {
  checkFree: () => undefined,
  start: () => Promise.reject(new Error('a verb was started')),
  get: async () => undefined,
  running: () => undefined,
} as unknown as Power;

async function app() {
  const journal = openJournal(tempDir());
  const sessions = testSessions(journal);
  const built = await testApp({
    journal,
    door: testDoor({ bearerToken: TOKEN }),
    conversation: { sessions, journal, approvals: approvalsOn(journal) },
    targets: smallTargets({ devvm: { power: idlePower, evidence: noEvidence } }),
    describe: () => {
      throw new Error('nobody asks');
    },
  });
  onTestFinished(async () => {
    await sessions.close();
    await built.close();
  });
  return built;
}

/** `METHOD /path` of all that is registered, from Fastify's own tree. */
function registered(tree: string): string[] {
  const path: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const match = /^(?<indent>[│ ]*)[├└]── (?<piece>\S+) \((?<methods>[^)]+)\)/.exec(line);
    const { indent = '', piece = '', methods = '' } = match?.groups ?? {};
    if (match === null) return [];
    path.length = indent.length / 4;
    path.push(piece);
    return methods
      .split(', ')
      .filter((method) => method !== 'HEAD')
      .map((method) => `${method} ${path.join('').replaceAll(/:(\w+)/g, '{$1}')}`);
  });
}

test('every route under /api is in the contract, and every route of the contract is there', async () => {
  const built = await app();
  await built.ready();
  const all = registered(built.printRoutes({ commonPrefix: false }));
  const ours = all.filter((name) => / \/(api\/|health$|ready$)/.test(name));
  expect(ours.toSorted()).toEqual(Object.keys(ROUTES).toSorted());
});

test('OpenAPI is published for all routes, to whoever has an identity, and every reference in it leads somewhere', async () => {
  const built = await app();
  const get = (headers: Record<string, string>) =>
    built.inject({ method: 'GET', url: '/api/openapi.json', headers });
  expect((await get({})).statusCode).toBe(401);
  const answer = await get({ authorization: `Bearer ${TOKEN}` });
  expect(answer.json()).toEqual(JSON.parse(JSON.stringify(openApi())));
  const document = answer.json<{
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
    components: { schemas: Record<string, unknown> };
  }>();
  const published = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(published.toSorted()).toEqual(Object.keys(ROUTES).toSorted());
  const references = [...answer.body.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(references.length).toBeGreaterThan(50);
  expect(new Set(references)).toEqual(new Set(Object.keys(document.components.schemas)));
  expect(answer.body).not.toContain('$defs');
  const ids = Object.values(document.paths).flatMap((operations) =>
    Object.values(operations).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(routes.length);
  for (const [name, route] of routes) {
    const [method = '', path = ''] = name.split(' ');
    const statuses = new Set([
      ...Object.keys(route.answers),
      ...[...problemsOf(name, route)].map((code) => String(PROBLEMS[code].status)),
    ]);
    const told = Object.keys(document.paths[path]?.[method.toLowerCase()]?.responses ?? {});
    expect([name, told.toSorted()]).toEqual([name, [...statuses].toSorted()]);
  }
});

test('the contract describes every parameter of a path, and no other', () => {
  for (const [name, { params }] of routes)
    expect([name, Object.keys(params?.shape ?? {})]).toEqual([
      name,
      [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter),
    ]);
});

test('every route that takes a body refuses a malformed one, with a problem of the contract', async () => {
  const built = await app();
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const opened = await built.inject({ method: 'POST', url: '/api/session', headers });
  const { session_id } = opened.json<{ session_id: string }>();
  const withBody = routes.filter(([, { body }]) => body !== undefined);
  expect(withBody.length).toBeGreaterThan(4);
  for (const [name] of withBody) {
    const [method, path = ''] = name.split(' ');
    const url = path.replace('{id}', session_id).replace('{target}', 'devvm').replace('{verb}', 'status');
    for (const payload of ['5', '[]', '"x"', '{', '{"prompt":{},"token":{},"target":{},"confirm":{}}']) {
      const answer = await built.inject({ method: method as 'POST' | 'PUT', url, headers, payload });
      const { code } = answer.json<{ code: string }>();
      expect([name, payload, code]).toEqual([
        name,
        payload,
        expect.stringMatching(/^(invalid-input|bad-request)$/),
      ]);
      await checkAnswer(
        'POST',
        url,
        new Response(answer.body, {
          status: answer.statusCode,
          headers: { 'content-type': String(answer.headers['content-type']) },
        }),
      );
    }
  }
});

test('no schema of an answer changes what it reads: what is checked is what is sent', () => {
  for (const [name, { answers }] of routes)
    for (const answer of Object.values(answers))
      if ('schema' in answer)
        // A transform, a default or a coercion would make the two differ.
        expect([name, z.toJSONSchema(answer.schema, { io: 'input' })]).toEqual([
          name,
          open(z.toJSONSchema(answer.schema, { io: 'output' })),
        ]);
});

/** In what comes out Zod closes objects; that is the only difference that may be. */
const open = (schema: unknown): unknown =>
  JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === 'additionalProperties' && value === false ? undefined : value,
    ),
  );

test('an answer or an event that is not exactly what the contract says is found', async () => {
  const answer = (body: unknown, status = 200, type = 'application/json') =>
    new Response(JSON.stringify(body), { status, headers: { 'content-type': type } });
  const problem = (code: string, more = {}) =>
    answer(
      { type: 'about:blank', title: 'x', status: 404, detail: 'x', code, ...more },
      404,
      'application/problem+json',
    );
  const health = { status: 'ok', service: 'claude-breakglass' };
  await checkAnswer('GET', '/health', answer(health));
  await checkAnswer('GET', '/api/targets/x', problem('unknown-target'));
  for (const [url, wrong] of [
    ['/health', answer({ ...health, more: 1 })],
    ['/health', answer({ status: 'ok' })],
    ['/health', answer(health, 201)],
    ['/api/targets/x', problem('unknown-session')],
    ['/api/targets/x', problem('unknown-target', { more: 1 })],
  ] as const)
    await expect(checkAnswer('GET', url, wrong)).rejects.toThrow(OffContract);
  const event = { kind: 'text', text: 'x', id: 1, at: 'x', v: 1, actor: { type: 'agent', name: 'x' } };
  checkEvent(event);
  for (const wrong of [
    { ...event, more: 1 },
    { ...event, text: 5 },
    { ...event, id: undefined },
    { kind: 'x' },
  ])
    expect(() => checkEvent(wrong)).toThrow(OffContract);
});
