// The report over HTTP: who may read it, and what a request that is not understood is told.
import { expect, onTestFinished, test } from 'vitest';
import type { TargetName } from '../../protocol/ids.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { testDoor } from '../../test/support/door.ts';
import { noEvidence, smallTargets } from '../../test/support/small-target.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'test-token-0123456789abcdef';
const AUTH = { authorization: `Bearer ${TOKEN}` };
const target = 'devvm' as TargetName;
const by = { type: 'operator', name: 'anna' } as const;

async function house() {
  const journal = openJournal(tempDir());
  const sessions = testSessions(journal);
  const door = testDoor({ bearerToken: TOKEN }, { journal, dataDir: tempDir() });
  const app = await testApp({
    journal,
    door,
    conversation: { sessions, journal, approvals: approvalsOn(journal) },
    targets: smallTargets({ devvm: { power: {} as Power, evidence: noEvidence } }),
  });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const session = await sessions.open(by, target);
  const get = (url: string, headers: Record<string, string> = AUTH) =>
    app.inject({ method: 'GET', url, headers });
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, headers: AUTH, payload });
  return { session, get, post, app };
}

test('a session has a report as Markdown, and as a page that may load and run nothing', async () => {
  const { session, get } = await house();
  const text = await get(`/api/session/${session}/report`);
  expect([text.statusCode, text.headers['content-type']]).toEqual([200, 'text/markdown; charset=utf-8']);
  expect(text.body).toMatch(/^# Report on devvm\n/);
  expect(text.body).toContain(`- Session: ${session}`);
  const page = await get(`/api/session/${session}/report?format=html`);
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  const policy = String(page.headers['content-security-policy']);
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+';/);
  expect(policy).not.toContain('script');
});

test('a target has a report of a span, with what no session did', async () => {
  const { session, get } = await house();
  const text = await get('/api/targets/devvm/report?since=2020-01-01T00:00:00Z');
  expect(text.statusCode).toBe(200);
  expect(text.body).toContain('Asked for: 2020-01-01 00:00:00 to');
  expect(text.body).toContain('anna | opened the session');
  const earlier = await get('/api/targets/devvm/report?until=2020-01-01T00:00:00Z&format=markdown');
  expect(earlier.body).toContain('Asked for: 2019-12-31 00:00:00 to 2020-01-01 00:00:00 UTC');
  expect(earlier.body).not.toContain(session);
  expect(earlier.body).toContain('Nothing is recorded.');
});

test('what is not understood is 422 with what was expected, and what is not there is 404', async () => {
  const { session, get } = await house();
  for (const [url, status, code] of [
    [`/api/session/${session}/report?format=pdf`, 422, 'invalid-input'],
    ['/api/targets/devvm/report?since=yesterday', 422, 'invalid-input'],
    ['/api/targets/devvm/report?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z', 422, 'invalid-input'],
    ['/api/targets/nobody/report', 404, 'unknown-target'],
    ['/api/session/00000000-0000-4000-8000-000000000000/report', 404, 'unknown-session'],
  ] as const) {
    const answer = await get(url);
    expect([url, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([url, status, code]);
  }
});

test('an observer reads it; a guest of a share link, and whoever has no identity, do not', async () => {
  const { session, get, post, app } = await house();
  const { secret } = (await post('/api/tokens', { name: 'kim', role: 'observer' })).json<{
    secret: string;
  }>();
  const url = `/api/session/${session}/report`;
  expect((await get(url, { authorization: `Bearer ${secret}` })).statusCode).toBe(200);
  expect((await get(url, {})).statusCode).toBe(401);
  const share = (await post(`/api/session/${session}/share`, {})).json<{ url: string }>();
  const code = share.url.split('/').at(-1);
  const signedIn = await app.inject({ method: 'POST', url: '/api/login', payload: { code } });
  expect(signedIn.statusCode).toBe(204);
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? '';
  expect((await get(url, { cookie })).statusCode).toBe(403);
  expect((await get('/api/targets/devvm/report', { cookie })).statusCode).toBe(403);
});
