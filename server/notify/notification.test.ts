import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JournalEvent } from '../../protocol/events.ts';
import { eventId, newSessionId, type TargetName } from '../../protocol/ids.ts';
import { parseHash } from '../../web/src/state/route-hash.ts';
import { type Around, notificationOf } from './notification.ts';

const at = '2026-11-27T02:31:00.000Z';
const session = newSessionId();
const target = 'devvm' as TargetName;
const scope = {
  id: eventId(7),
  at,
  v: 1,
  target,
  session_id: session,
  actor: { type: 'agent', name: 'claude' },
} as const;
const id = '11111111-2222-4333-8444-555555555555';
const SECRET = 'rm -rf /srv/secret-project';

const approval = (asked: 'command' | 'verb'): JournalEvent => ({
  ...scope,
  kind: 'approval_requested',
  tool_call_id: 'call' as never,
  approval_id: id,
  asked:
    asked === 'verb'
      ? { verb: 'cycle', input: { host: 'pve', command: 'cycle' } }
      : { account: 'repair', input: { host: 'devvm', command: SECRET, stdin: SECRET } },
  said: SECRET,
  binding: SECRET,
  expires_at: '2026-11-27T02:41:00.000Z',
  observer: true,
});
const finished = (state: 'succeeded' | 'failed' | 'unknown'): JournalEvent => ({
  ...scope,
  kind: 'power_finished',
  verb: 'cycle',
  state,
  result: { verb: 'cycle', exit_code: 1, stdout: SECRET, stderr: SECRET, rejected: false },
  outcome: { summary: `cycle failed: ${SECRET}`, vm_state: 'running', ssh_answers: false },
  steps: [],
});
const turnEnd: JournalEvent = { ...scope, kind: 'turn_end' };
const incident = (title: string, detail: string): JournalEvent => ({
  ...scope,
  kind: 'incident_verdict',
  incident_id: id,
  title,
  detail,
  agent: 'not-configured',
});
const closed: JournalEvent = {
  ...scope,
  kind: 'incident_closed',
  incident_id: id,
  title: 'disk',
  by: 'alertmanager',
};
const after = (ms: number, how: NonNullable<Around['turn']>['how'] = 'done'): Around => ({
  turn: { ms, how },
});
const said = (event: JournalEvent, around: Around = { turn: undefined }) =>
  notificationOf(event, around, 60_000);

test('nothing of a command, of what the agent says or of what a host printed leaves the machine', () => {
  for (const event of [approval('command'), approval('verb'), finished('failed'), finished('unknown')]) {
    const text = JSON.stringify(said(event));
    expect(text).not.toContain('secret');
    expect(text).not.toContain('rm ');
  }
  expect(said(approval('verb'))?.body).not.toMatch(/cycle/);
});

test('a question rings at once, lives as long as it can be answered, and leads to the session where its card is', () => {
  const notification = said(approval('command'));
  expect(notification).toMatchObject({ urgency: 'high', ttl_s: 600, tag: `approval-${id}` });
  expect(notification?.title).toMatch(/^devvm: /);
  expect(parseHash(new URL(notification?.url ?? '', 'https://x.example').hash)).toMatchObject({
    view: 'chat',
    session,
  });
});

test('the end of an operation says the verb and what was checked, and leads to the power of its target', () => {
  const notification = said(finished('failed'));
  expect(notification).toMatchObject({
    title: 'devvm: cycle failed',
    body: 'The VM is running. SSH does not answer.',
  });
  expect(parseHash(new URL(notification?.url ?? '', 'https://x.example').hash)).toMatchObject({
    view: 'power',
    target: { name: 'devvm' },
  });
  expect(said({ ...finished('succeeded'), verb: 'status' } as JournalEvent)).toBeUndefined();
});

test('a turn is told when it ran long and nobody stopped it', () => {
  expect(said(turnEnd, after(59_000))).toBeUndefined();
  expect(said(turnEnd, after(200_000, 'stopped'))).toBeUndefined();
  expect(said(turnEnd)).toBeUndefined();
  expect(said(turnEnd, after(200_000))).toMatchObject({
    title: 'devvm: the agent is done',
    urgency: 'normal',
  });
  expect(said(turnEnd, after(200_000, 'error'))?.title).toMatch(/error/);
  expect(said(turnEnd, after(200_000, 'interrupted'))?.title).toMatch(/interrupted/);
});

test('an incident rings, and what came from outside can neither fill the screen nor look like something else', () => {
  expect(said(incident('disk full', 'The root filesystem is full.'))).toMatchObject({
    title: 'devvm: disk full',
    body: 'The root filesystem is full.',
    urgency: 'high',
  });
  expect(said(closed)).toMatchObject({ title: 'devvm: over: disk', tag: `incident-${id}`, urgency: 'high' });
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
      const { title = '', body = '' } = said(incident(text, text)) ?? {};
      expect(Array.from(title).length).toBeLessThanOrEqual(80);
      expect(Array.from(body).length).toBeLessThanOrEqual(240);
      expect(title + body).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }),
  );
});
