import { expect, onTestFinished, test } from 'vitest';
import type { AlertsTaken, Incidents } from '../../protocol/alerts.ts';
import { eventId } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { approvalsOn } from '../../test/support/approvals-on.ts';
import { testDoor } from '../../test/support/door.ts';
import { smallTargets } from '../../test/support/small-target.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { testApp } from '../../test/support/test-app.ts';
import { testSessions } from '../../test/support/test-sessions.ts';
import { eventually } from '../../test/support/wait-for.ts';
import { reportOf } from '../alerts/alerts.fixture.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';

const TOKEN = 'test-token-0123456789abcdef';
const operator = { authorization: `Bearer ${TOKEN}` };
const SSH_DOWN = { title: 'SSH is silent', status: 'firing', fingerprint: 'ssh' };

/** Nothing is ever started here: an alert presses nothing. */
const idlePower = {
  checkFree: () => undefined,
  start: () => Promise.reject(new Error('a verb was started')),
  get: async () => undefined,
  running: () => undefined,
} as unknown as Power;

async function house({ powerOnly = false, names = ['devvm'] } = {}) {
  const journal = openJournal(tempDir());
  const sessions = testSessions(journal);
  const targets = smallTargets(
    Object.fromEntries(names.map((name) => [name, { power: idlePower, triage: async () => reportOf() }])),
  );
  const app = await testApp({
    journal,
    door: testDoor({ bearerToken: TOKEN }, { journal, dataDir: tempDir() }),
    targets,
    ...(powerOnly
      ? { conversation: undefined, alerts: undefined, whyPowerOnly: 'journal.sqlite is damaged' }
      : { conversation: { sessions, journal, approvals: approvalsOn(journal) } }),
    describe: () => {
      throw new Error('nobody asks');
    },
  });
  onTestFinished(async () => {
    await sessions.close();
    await app.close();
  });
  const tokenOf = async (role: string): Promise<Record<string, string>> => {
    const made = await app.inject({
      method: 'POST',
      url: '/api/tokens',
      headers: operator,
      payload: { name: role, role },
    });
    return { authorization: `Bearer ${made.json<{ secret: string }>().secret}` };
  };
  const deliver = (payload: object, headers: Record<string, string> = operator, to = 'generic') =>
    app.inject({ method: 'POST', url: `/api/alerts/${to}`, headers, payload });
  const incidents = async () =>
    (await app.inject({ url: '/api/incidents', headers: operator })).json<Incidents>();
  return { app, journal, tokenOf, deliver, incidents };
}

test('a token of the role alerts delivers in all three ways, an operator may too, and an observer may not', async () => {
  const { tokenOf, deliver, incidents } = await house();
  const kuma = await tokenOf('alerts');
  const firing = { status: 'firing', labels: { alertname: 'SshDown' }, annotations: {} };
  const manager = await deliver({ version: '4', alerts: [firing] }, kuma, 'alertmanager');
  const monitor = { heartbeat: { status: 0 }, monitor: { id: 1, name: 'ssh' }, msg: 'down' };
  const answers = [
    manager,
    await deliver(monitor, kuma, 'uptime-kuma'),
    await deliver(SSH_DOWN, kuma),
    await deliver(SSH_DOWN),
  ];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  const ids = new Set(answers.map((each) => each.json<AlertsTaken>().incidents[0]?.incident_id));
  expect(ids.size).toBe(1);
  expect((await incidents()).incidents).toMatchObject([{ firing: 3, title: 'SshDown' }]);
  expect((await deliver(SSH_DOWN, await tokenOf('observer'))).statusCode).toBe(403);
});

test('a test message of Uptime Kuma is answered, and opens nothing', async () => {
  const { deliver, incidents } = await house();
  const answer = await deliver({ heartbeat: null, monitor: null, msg: 'Testing' }, operator, 'uptime-kuma');
  expect([answer.statusCode, answer.json()]).toEqual([
    200,
    { incidents: [], unmapped: 0, detail: 'The test message has arrived. It opens no incident.' },
  ]);
  expect((await incidents()).incidents).toEqual([]);
});

test('nobody without an identity is listened to, and a body is bounded', async () => {
  const { deliver, incidents } = await house();
  expect((await deliver(SSH_DOWN, {})).statusCode).toBe(401);
  expect((await deliver({ ...SSH_DOWN, detail: 'x'.repeat(1024 * 1024) })).statusCode).toBe(413);
  expect((await deliver({ ...SSH_DOWN, detail: 'x'.repeat(900_000) })).statusCode).toBe(200);
  expect(JSON.stringify(await incidents()).length).toBeLessThan(2_000);
});

test('the state of a target tells its open incident, a person closes it, and the second to do so hears who was first', async () => {
  const { app, deliver, incidents } = await house();
  await deliver(SSH_DOWN);
  const stateOf = async () =>
    (await app.inject({ url: '/api/targets/devvm', headers: operator })).json<TargetState>().incident;
  const [incident] = (await incidents()).incidents;
  expect(await stateOf()).toEqual({
    incident_id: incident?.incident_id,
    session_id: incident?.session_id,
    title: 'SSH is silent',
    opened_at: incident?.opened_at,
  });
  const list = await app.inject({ url: '/api/targets', headers: operator });
  expect(list.json().targets[0].incident).toEqual(await stateOf());
  const close = () =>
    app.inject({ method: 'POST', url: `/api/incidents/${incident?.incident_id}/close`, headers: operator });
  expect((await close()).json().closed.by).toBe('operator');
  expect((await close()).statusCode).toBe(200);
  expect(await stateOf()).toBeUndefined();
  const unknown = await app.inject({ method: 'POST', url: '/api/incidents/x/close', headers: operator });
  expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'unknown-incident']);
});

test('the list of sessions names an incident by its alert', async () => {
  const { app, deliver } = await house();
  await deliver(SSH_DOWN);
  const { sessions } = (await app.inject({ url: '/api/sessions', headers: operator })).json();
  expect(sessions).toMatchObject([{ title: 'SSH is silent', opened_by: 'breakglass', running: false }]);
});

test('in power-only mode a delivery is refused with 503, so that Alertmanager sends it again', async () => {
  const { deliver, app } = await house({ powerOnly: true });
  const answer = await deliver(SSH_DOWN);
  expect([answer.statusCode, answer.json().code]).toEqual([503, 'power-only']);
  expect((await app.inject({ url: '/api/targets', headers: operator })).statusCode).toBe(200);
});

test('an alert that means no target is 422 with how to map it, and what it says is visible in the answer', async () => {
  const { deliver, journal } = await house({ names: ['devvm', 'buildvm'] });
  const answer = await deliver({ ...SSH_DOWN, title: 'SSH\u202E is\nsilent', labels: { instance: 'x' } });
  expect([answer.statusCode, answer.json().code]).toEqual([422, 'unmapped-alert']);
  expect(answer.json().detail).toMatch(/"SSH⟨U\+202E⟩ is⟨\\n⟩silent".*instance="x".*breakglass_target/);
  await eventually(async () =>
    expect(await journal.read({ kinds: ['note'] }, eventId(0), 10)).toHaveLength(1),
  );
});
