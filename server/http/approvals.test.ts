// Questions of the agent and their answers over HTTP, and on the emergency page.
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Asked } from '../../protocol/approvals.ts';
import { type SessionId, type TargetName, toolCallId } from '../../protocol/ids.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { testDoor } from '../../test/support/door.ts';
import { noEvidence, smallTargets } from '../../test/support/small-target.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'approvals-token-0123456789';
const target = 'devvm' as TargetName;
const HOSTILE = 'sudo rm -rf "/srv/\u202Egpj.exe" # <b>\u001b[2J\u200B';
const repair: Asked = { account: 'repair', input: { host: 'devvm', command: HOSTILE, timeout_s: 120 } };

async function house() {
  const journal = openJournal(tempDir());
  const approvals = approvalsOn(journal);
  const sessions = testSessions(journal);
  const door = testDoor({ bearerToken: TOKEN }, { journal, dataDir: tempDir() });
  const app = await testApp({
    journal,
    door,
    conversation: { sessions, journal, approvals },
    targets: smallTargets({ devvm: { power: {} as Power, evidence: noEvidence } }),
  });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const ann = { type: 'operator', name: 'ann' } as const;
  const session = { id: await sessions.open(ann, target), target };
  const stop = new AbortController();
  let calls = 0;
  const ask = (asked: Asked = repair) => {
    const verdict = approvals.ask({
      session,
      toolCall: toolCallId(`call-${calls++}`),
      asked,
      said: 'The disk is full.',
      hasObserver: true,
      refusedIn: (mode) => mode === 'observe',
      record: async (body, by = { type: 'agent', name: 'claude' }) => {
        await journal.append([{ ...body, actor: by, session_id: session.id, target }]);
      },
      signal: stop.signal,
    });
    onTestFinished(async () => {
      stop.abort();
      await verdict;
    });
    return verdict;
  };
  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    payload?: object,
    token: string = TOKEN,
  ) => {
    const answer = await app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${token}` },
      ...(payload === undefined ? {} : { payload }),
    });
    return {
      status: answer.statusCode,
      body: answer.body === '' ? {} : answer.json<Record<string, unknown>>(),
    };
  };
  const waiting = async (): Promise<string> => {
    await vi.waitFor(() => expect(approvals.waiting()).toHaveLength(1));
    return approvals.waiting()[0]?.approval_id ?? '';
  };
  const pathOf = (approval: string, id: SessionId = session.id) => `/api/session/${id}/approvals/${approval}`;
  return { app, door, approvals, session, ask, call, waiting, pathOf };
}

test('what waits is listed with all of it, and answered: the same again 200, the opposite 409 with who and when', async () => {
  const { ask, call, waiting, pathOf } = await house();
  const verdict = ask();
  const id = await waiting();
  const listed = await call('GET', '/api/approvals');
  expect(listed.body).toMatchObject({
    approvals: [{ approval_id: id, asked: repair, said: 'The disk is full.' }],
  });
  expect(await call('POST', pathOf(id), { answer: 'approve' })).toMatchObject({
    status: 200,
    body: { answer: 'approved', by: 'operator' },
  });
  expect((await verdict).type).toBe('approved');
  expect((await call('POST', pathOf(id), { answer: 'approve' })).status).toBe(200);
  expect(await call('POST', pathOf(id), { answer: 'deny' })).toMatchObject({
    status: 409,
    body: { code: 'answered-already', by: 'operator', answer: 'approved', at: expect.any(String) },
  });
});

test.each([
  [{}, 422],
  [{ answer: 'yes' }, 422],
  [{ answer: 'approve', grant_minutes: 0 }, 422],
  [{ answer: 'approve', grant_minutes: 16 }, 422],
  [{ answer: 'approve', grant_minutes: '15' }, 422],
  [{ answer: 'deny', grant_minutes: 15 }, 422],
  [{ answer: 'deny', reason: 'x'.repeat(501) }, 422],
  [{ answer: 'approve', binding: 'x' }, 422],
])('the body %j answers nothing', async (payload, status) => {
  const { ask, call, waiting, pathOf, approvals } = await house();
  void ask();
  const id = await waiting();
  expect((await call('POST', pathOf(id), payload)).status).toBe(status);
  expect(approvals.waiting()).toHaveLength(1);
});

test('an observer and a deliverer of alerts answer nothing, and another session neither', async () => {
  const { ask, call, waiting, pathOf, approvals, door } = await house();
  void ask();
  const id = await waiting();
  for (const role of ['observer', 'alerts'] as const) {
    const { secret } = door.keyring.makeToken({ name: role, role, lifeMs: undefined, by: 'ann' });
    expect((await call('POST', pathOf(id), { answer: 'approve' }, secret)).status).toBe(403);
  }
  const other = await call('POST', '/api/session');
  const foreign = pathOf(id, String(other.body['session_id']) as SessionId);
  expect(await call('POST', foreign, { answer: 'approve' })).toMatchObject({
    status: 404,
    body: { code: 'unknown-approval' },
  });
  expect(approvals.waiting()).toHaveLength(1);
});

test('a policy is tightened, loosened for a time and read; what waited is void, and a grant is ended by its id', async () => {
  const { ask, call, waiting, pathOf, session } = await house();
  const policy = `/api/session/${session.id}/policy`;
  expect((await call('GET', policy)).body).toMatchObject({ mode: 'ask', configured: 'ask', grants: [] });
  const first = ask();
  const granted = await call('POST', pathOf(await waiting()), { answer: 'approve', grant_minutes: 15 });
  await first;
  const grant = (granted.body['grant'] as { grant_id: string }).grant_id;
  expect((await call('GET', policy)).body).toMatchObject({ grants: [{ grant_id: grant, by: 'operator' }] });
  const grantPath = `/api/session/${session.id}/grants/${grant}`;
  expect((await call('DELETE', grantPath)).status).toBe(204);
  expect((await call('DELETE', grantPath)).body).toMatchObject({ code: 'unknown-grant' });
  const second = ask();
  const id = await waiting();
  expect((await call('PUT', policy, { mode: 'observe' })).body).toMatchObject({
    mode: 'observe',
    by: 'operator',
  });
  expect((await second).type).toBe('void');
  expect(await call('POST', pathOf(id), { answer: 'approve' })).toMatchObject({
    status: 410,
    body: { code: 'too-late' },
  });
  expect((await call('PUT', policy, { mode: 'autonomous', minutes: 90 })).status).toBe(422);
  expect((await call('PUT', policy, { mode: 'autonomous', minutes: 5 })).body).toMatchObject({
    mode: 'autonomous',
    loosened_until: expect.any(String),
  });
});

test('the emergency page shows the whole question with what cannot be seen, and answers by a form: a box takes the place of holding', async () => {
  const { app, ask, waiting, approvals } = await house();
  const verdict = ask();
  const id = await waiting();
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const signedIn = await app.inject({
    method: 'POST',
    url: '/emergency/login',
    headers: form,
    payload: `token=${TOKEN}`,
  });
  const headers = { ...form, cookie: String(signedIn.headers['set-cookie']).split(';')[0] ?? '' };
  const { body } = await app.inject({ url: '/emergency', headers });
  expect(body).toContain('Claude asks');
  expect(body).toContain('a command on devvm as <strong>repair</strong> (root)');
  expect(body).not.toContain('\u202E');
  expect(body).not.toContain('\u001b');
  expect(body).not.toContain('<b>');
  expect(body).toMatch(/name="answer" value="deny"[\s\S]*I have read it[\s\S]*name="answer" value="approve"/);
  const hidden = (name: string): string =>
    new RegExp(`action="/emergency/approval">[^]*?name="${name}" value="([^"]*)"`).exec(body)?.[1] ?? '';
  const send = (fields: Record<string, string>) =>
    app.inject({
      method: 'POST',
      url: '/emergency/approval',
      headers,
      payload: new URLSearchParams({
        form: hidden('form'),
        session: hidden('session'),
        approval: hidden('approval'),
        ...fields,
      }).toString(),
    });
  expect(hidden('approval')).toBe(id);
  expect((await send({ answer: 'approve' })).body).toContain('Not approved yet: read it to its end');
  expect((await send({ answer: 'approve', sure: 'yes', form: 'forged' })).statusCode).toBe(403);
  expect((await send({ answer: 'perhaps', sure: 'yes' })).statusCode).toBe(422);
  expect(approvals.waiting()).toHaveLength(1);
  expect((await send({ answer: 'approve', sure: 'yes' })).body).toContain(
    'Approved by operator. It runs now.',
  );
  expect((await verdict).type).toBe('approved');
  expect((await send({ answer: 'deny' })).statusCode).toBe(409);
});
