import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Doctor, Link } from '../../protocol/doctor.ts';
import type { JournaledBody, NewEvent } from '../../protocol/events.ts';
import { newSessionId, newTurnId, parseTargetName, type TargetName, toolCallId } from '../../protocol/ids.ts';
import { hearing } from '../../test/support/hearing.ts';
import { createMemoryJournal } from '../../test/support/memory-journal.ts';
import { startPowerHost, type TestPowerHost } from '../../test/support/power-host.ts';
import { answering } from '../../test/support/probed.ts';
import { promtool } from '../../test/support/promtool.ts';
import { metricsIn, sample } from '../../test/support/scraped.ts';
import { noEvidence } from '../../test/support/small-target.ts';
import { connectTo, silent } from '../../test/support/ssh-parts.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { Journal } from '../journal/port.ts';
import { openJournal } from '../journal/sqlite.ts';
import type { Power } from '../power/port.ts';
import { createPower } from '../power/power.ts';
import type { SshConnection } from '../ssh/connection.ts';
import type { Known } from './gauges.ts';
import { type Metrics, startMetrics } from './metrics.ts';

const target = parseTargetName('devvm') as TargetName;
const by = { type: 'operator', name: 'viktor' } as const;
const notExamined: Doctor = { last: null, running: null, next_at: null };
const quiet: NonNullable<Known['conversation']> = {
  writes: () => true,
  sessions: () => ({ turns: 0, queued: 0, watched: 0 }),
  liveAgents: () => 0,
  waitingApprovals: () => 0,
  hasIncident: () => false,
  auditWaiting: () => [],
};

let host: TestPowerHost;
let ssh: SshConnection;
beforeAll(async () => {
  host = await startPowerHost();
  ssh = connectTo(host, { hostKeyAlias: 'pve' });
});
beforeEach(() => {
  for (const name of ['refuse', 'busy']) host.unset(name);
  host.set('state', 'running');
  host.set('born', 1_000_000_000);
});
afterAll(async () => {
  await ssh.close();
  await host.stop();
});

function powerOver(journal: Journal | undefined, connection = ssh): Power {
  const power = createPower({
    target,
    host: { ssh: connection, vmid: undefined },
    journal,
    readings: hearing(answering),
    evidence: noEvidence,
    logger: silent,
    bounds: { sshWaitMs: 2_000 },
  });
  onTestFinished(() => power.close());
  return power;
}

function metricsOver(
  journal: Journal | undefined,
  { power = powerOver(journal), known = {} }: { power?: Power; known?: Partial<Known> } = {},
): Metrics {
  const metrics = startMetrics({ journal, targets: [{ name: target, power }], logger: silent });
  metrics.serve(
    { bind: '127.0.0.1', port: 0 },
    {
      version: '1.2.3',
      targets: [],
      doctor: () => notExamined,
      selfTestHours: 24,
      conversation: quiet,
      ...known,
    },
    { freshMs: 0 },
  );
  onTestFinished(() => metrics.close());
  return metrics;
}

function sqlite(): Journal {
  const journal = openJournal(tempDir());
  onTestFinished(() => journal.close());
  return journal;
}

const stateAt = (at: string | null, up: boolean | null) => ({
  vm: { state: up === true ? 'running' : 'unknown', at },
  ssh: { answers: up, reading: up === true ? ('works' as const) : ('silent' as const), at },
});
const unread = () => stateAt(null, null);

const link = (code: Link['code'], state: Link['state'], of?: TargetName): Link => ({
  code,
  ...(of === undefined ? {} : { target: of }),
  title: code,
  state,
  detail: 'It was looked at.',
  docs: `docs/doctor.md#${code}`,
});

function examined(at: string, links: readonly Link[]): Doctor {
  const count = { works: 0, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 };
  for (const { state } of links) count[state] += 1;
  return { last: { at, took_ms: 1, by, links: [...links], count }, running: null, next_at: null };
}

test('promtool finds nothing wrong with what is scraped, and each metric has a name of ours or of the process', async () => {
  const text = await metricsOver(sqlite(), {
    known: {
      targets: [{ name: target, known: () => stateAt('2026-11-27T01:00:00.000Z', true) }],
      doctor: () => examined('2026-11-27T00:00:00.000Z', [link('journal', 'works')]),
      conversation: { ...quiet, auditWaiting: () => [{ channel: 'audit-syslog', events: 3 }] },
    },
  }).text();
  expect(promtool(['check', 'metrics'], text)).toEqual({ code: 0, text: '' });
  const names = [...metricsIn(text).keys()];
  expect(names.filter((name) => !/^(breakglass|process|nodejs)_/.test(name))).toEqual([]);
  expect(names.filter((name) => name.startsWith('breakglass_')).length).toBeGreaterThan(20);
  expect(sample(text, 'breakglass_build_info', { version: '1.2.3', node: process.version })).toBe(1);
});

test('what can happen stands at zero before it happens, so that a rate sees the first time', async () => {
  const text = await metricsOver(sqlite()).text();
  for (const verb of ['cycle', 'forensics', 'reset', 'start', 'status', 'stop'])
    for (const outcome of ['succeeded', 'failed', 'unknown', 'refused']) {
      expect(sample(text, 'breakglass_operations_total', { target, verb, outcome })).toBe(0);
      expect(sample(text, 'breakglass_operation_duration_seconds_count', { verb, outcome })).toBe(0);
    }
  expect(sample(text, 'breakglass_approvals_total', { answer: 'expired' })).toBe(0);
  expect(sample(text, 'breakglass_turns_total', { outcome: 'failed' })).toBe(0);
  expect(sample(text, 'breakglass_notifications_total', { channel: 'ntfy', result: 'failed' })).toBe(0);
  expect(sample(text, 'breakglass_incidents_total', { target, source: 'alertmanager' })).toBe(0);
  expect(sample(text, 'breakglass_self_test_last_run_timestamp_seconds')).toBe(0);
  // Nobody has looked: that is not the same as nothing broken.
  expect(sample(text, 'breakglass_self_test_broken_links')).toBeUndefined();
});

test('operations are counted at their end by verb and outcome, without a journal too', async () => {
  for (const journal of [createMemoryJournal(), undefined]) {
    const power = powerOver(journal);
    const metrics = metricsOver(journal, { power, known: { targets: [{ name: target, known: unread }] } });
    const run = async (verb: 'status' | 'cycle' | 'start'): Promise<void> => {
      await power.wait((await power.start({ verb, by, finding: undefined })).id, 60_000);
    };
    await run('status');
    await run('cycle');
    host.set('refuse', 'cycle by 10.0.0.9 since 10:00:00Z (12 s)');
    await run('start');
    host.unset('refuse');
    const text = await metrics.text();
    const count = (verb: string, outcome: string): number | undefined =>
      sample(text, 'breakglass_operations_total', { target, verb, outcome });
    expect([count('status', 'succeeded'), count('cycle', 'succeeded'), count('start', 'refused')]).toEqual([
      1, 1, 1,
    ]);
    expect([count('start', 'failed'), count('stop', 'succeeded')]).toEqual([0, 0]);
    const took = { verb: 'cycle', outcome: 'succeeded' };
    expect(sample(text, 'breakglass_operation_duration_seconds_count', took)).toBe(1);
    expect(sample(text, 'breakglass_operation_duration_seconds_sum', took)).toBeGreaterThan(0);
    expect(sample(text, 'breakglass_operations_running', { target })).toBe(0);
  }
});

test('an operation is under way until it ends, and one at a host that cannot be reached has failed', async () => {
  const power = powerOver(undefined, connectTo({ ...host, port: 1 }));
  const metrics = metricsOver(undefined, {
    power,
    known: { targets: [{ name: target, known: unread }] },
  });
  const { id } = await power.start({ verb: 'cycle', by, finding: undefined });
  expect(sample(await metrics.text(), 'breakglass_operations_running', { target })).toBe(1);
  await power.wait(id, 60_000);
  const text = await metrics.text();
  expect(sample(text, 'breakglass_operations_running', { target })).toBe(0);
  expect(sample(text, 'breakglass_operations_total', { target, verb: 'cycle', outcome: 'failed' })).toBe(1);
});

test('what the journal takes is counted: turns by their end, answers, notifications, alerts, sessions', async () => {
  const journal = sqlite();
  const metrics = metricsOver(journal);
  const session_id = newSessionId();
  const scoped = (bodies: readonly JournaledBody[], turn = newTurnId()): NewEvent[] =>
    bodies.map((body) => ({ ...body, actor: by, target, session_id, turn_id: turn }));
  const result = { kind: 'result', result: 'x', duration_ms: 1 } as const;
  await journal.append([{ kind: 'session_opened', session_id, actor: by, target }]);
  await journal.append(scoped([{ ...result, is_error: false }, { kind: 'turn_end' }]));
  await journal.append(scoped([{ kind: 'error', error: 'x' }, { kind: 'turn_end' }]));
  // It was tried again, and went well.
  await journal.append(
    scoped([{ kind: 'error', error: 'x' }, { ...result, is_error: false }, { kind: 'turn_end' }]),
  );
  await journal.append(scoped([{ kind: 'cancelled', by: 'viktor' }, { kind: 'turn_end' }]));
  await journal.append(scoped([{ kind: 'interrupted', reason: 'x' }, { kind: 'turn_end' }]));
  const approval_id = crypto.randomUUID();
  for (const answer of ['approved', 'denied', 'denied', 'expired', 'void'] as const)
    await journal.append(scoped([{ kind: 'approval_resolved', approval_id, answer, by: 'viktor' }]));
  const about = journal.head();
  await journal.append(
    scoped([
      { kind: 'notified', channel: 'ntfy', about, result: 'failed', detail: 'x' },
      { kind: 'notified', channel: 'push', about, result: 'sent', detail: 'x' },
    ]),
  );
  const incident_id = crypto.randomUUID();
  await journal.append(
    scoped([
      { kind: 'incident_opened', incident_id, title: 'x', source: 'Uptime Kuma' },
      { kind: 'incident_alert', incident_id, status: 'firing', title: 'x', times: 4 },
      { kind: 'incident_alert', incident_id, status: 'resolved', title: 'x' },
    ]),
  );
  const text = await metrics.text();
  const turns = (outcome: string) => sample(text, 'breakglass_turns_total', { outcome });
  expect(['completed', 'failed', 'stopped', 'interrupted'].map(turns)).toEqual([2, 1, 1, 1]);
  const answers = (answer: string) => sample(text, 'breakglass_approvals_total', { answer });
  expect(['approved', 'denied', 'expired', 'void'].map(answers)).toEqual([1, 2, 1, 1]);
  expect(sample(text, 'breakglass_notifications_total', { channel: 'ntfy', result: 'failed' })).toBe(1);
  expect(sample(text, 'breakglass_notifications_total', { channel: 'push', result: 'sent' })).toBe(1);
  expect(sample(text, 'breakglass_alerts_total', { target, status: 'firing' })).toBe(4);
  expect(sample(text, 'breakglass_alerts_total', { target, status: 'resolved' })).toBe(1);
  expect(sample(text, 'breakglass_incidents_total', { target, source: 'uptime-kuma' })).toBe(1);
  expect(sample(text, 'breakglass_sessions_opened_total')).toBe(1);
  // Each append above, and none twice.
  expect(sample(text, 'breakglass_journal_append_seconds_count')).toBe(13);
  expect(sample(text, 'breakglass_journal_appends_refused_total')).toBe(0);
});

test('a journal that refuses is down and counted, and says nothing of how long it took', async () => {
  const journal = createMemoryJournal();
  const conversation = { ...quiet, writes: () => journal.health() === undefined };
  const metrics = metricsOver(journal, { known: { conversation } });
  journal.mode = 'fail';
  await expect(journal.append([{ kind: 'turn_end', actor: by }])).rejects.toThrow();
  const text = await metrics.text();
  expect(sample(text, 'breakglass_journal_up')).toBe(0);
  expect(sample(text, 'breakglass_journal_appends_refused_total')).toBe(1);
  expect(sample(text, 'breakglass_journal_append_seconds_count')).toBe(0);
});

test('power only: the journal is down, and what belongs to sessions is absent, not zero', async () => {
  const text = await metricsOver(undefined, { known: { conversation: undefined } }).text();
  expect(sample(text, 'breakglass_journal_up')).toBe(0);
  expect(metricsIn(text).has('breakglass_approvals_waiting')).toBe(false);
});

test('what is under way is read when somebody scrapes', async () => {
  const conversation = {
    ...quiet,
    sessions: () => ({ turns: 2, queued: 3, watched: 1 }),
    liveAgents: () => 4,
    waitingApprovals: () => 5,
    hasIncident: () => true,
    auditWaiting: () => [{ channel: 'audit-webhook', events: 6 }],
  };
  const text = await metricsOver(sqlite(), {
    known: { conversation, targets: [{ name: target, known: unread }] },
  }).text();
  const values = ['turns_running', 'prompts_queued', 'sessions_watched', 'agents_live', 'approvals_waiting'];
  expect(values.map((name) => sample(text, `breakglass_${name}`))).toEqual([2, 3, 1, 4, 5]);
  expect(sample(text, 'breakglass_incidents_open', { target })).toBe(1);
  expect(sample(text, 'breakglass_audit_outbox_waiting', { channel: 'audit-webhook' })).toBe(6);
});

test('a link is up by whoever looked last, the self-test or a reading; what was not checked is absent', async () => {
  const links = [
    link('journal', 'works'),
    link('edge-certificate', 'doubtful'),
    link('notify-ntfy', 'not-used'),
    link('vm-shell', 'broken', target),
    link('power-status', 'works', target),
    link('power-space', 'not-checked', target),
    link('power-version', 'broken', target),
  ];
  const testAt = '2026-11-27T00:00:00.000Z';
  const seconds = Date.parse(testAt) / 1_000;
  const doctor = () => examined(testAt, links);
  const before = await metricsOver(undefined, {
    known: { doctor, targets: [{ name: target, known: () => stateAt('2026-11-26T23:00:00.000Z', true) }] },
  }).text();
  const up = (text: string, code: string, labels = {}) =>
    sample(text, 'breakglass_link_up', { code, ...labels });
  expect(up(before, 'journal')).toBe(1);
  expect(up(before, 'edge-certificate')).toBe(1);
  expect(sample(before, 'breakglass_link_doubtful', { code: 'edge-certificate' })).toBe(1);
  expect(sample(before, 'breakglass_link_doubtful', { code: 'journal' })).toBe(0);
  expect(up(before, 'notify-ntfy')).toBeUndefined();
  expect(up(before, 'power-space', { target })).toBeUndefined();
  expect([up(before, 'vm-shell', { target }), up(before, 'power-status', { target })]).toEqual([0, 1]);
  expect(sample(before, 'breakglass_link_seen_timestamp_seconds', { code: 'vm-shell', target })).toBe(
    seconds,
  );
  expect(sample(before, 'breakglass_self_test_broken_links')).toBe(2);
  expect(sample(before, 'breakglass_self_test_links', { state: 'not-checked' })).toBe(1);

  const after = await metricsOver(undefined, {
    known: { doctor, targets: [{ name: target, known: () => stateAt('2026-11-27T01:00:00.000Z', true) }] },
  }).text();
  expect(up(after, 'vm-shell', { target })).toBe(1);
  expect(sample(after, 'breakglass_link_seen_timestamp_seconds', { code: 'vm-shell', target })).toBe(
    seconds + 3_600,
  );
});

test('the last success of the self-test stays while it finds something broken', async () => {
  let doctor = examined('2026-11-27T00:00:00.000Z', [link('journal', 'doubtful')]);
  const metrics = metricsOver(undefined, { known: { doctor: () => doctor } });
  const times = async () => {
    const text = await metrics.text();
    const at = (what: string) => sample(text, `breakglass_self_test_last_${what}_timestamp_seconds`);
    return [at('success'), at('run')];
  };
  const first = Date.parse('2026-11-27T00:00:00.000Z') / 1_000;
  expect(await times()).toEqual([first, first]);
  doctor = examined('2026-11-27T06:00:00.000Z', [link('journal', 'broken')]);
  expect(await times()).toEqual([first, first + 6 * 3_600]);
});

test('the schedule of the self-test is there for the rule that misses one; 0 where it never runs by itself', async () => {
  const interval = async (selfTestHours: number | undefined) =>
    sample(
      await metricsOver(undefined, { known: { selfTestHours } }).text(),
      'breakglass_self_test_interval_seconds',
    );
  expect([await interval(6), await interval(undefined)]).toEqual([21_600, 0]);
});

test('a gauge that cannot be read leaves all others', async () => {
  const doctor = (): Doctor => {
    throw new Error('no doctor');
  };
  const text = await metricsOver(sqlite(), { known: { doctor } }).text();
  expect(sample(text, 'breakglass_link_up')).toBeUndefined();
  expect(sample(text, 'breakglass_self_test_last_run_timestamp_seconds')).toBeUndefined();
  expect(sample(text, 'breakglass_journal_up')).toBe(1);
});

test('nothing personal is in a scrape: no name, no id of a session, no word of a prompt, a command or an alert', async () => {
  const journal = createMemoryJournal();
  const metrics = metricsOver(journal);
  const words = fc.stringMatching(/^[a-z]{14,20}$/);
  await fc.assert(
    fc.asyncProperty(words, words, words, words, async (person, prompt, title, detail) => {
      const session_id = newSessionId();
      const turn_id = newTurnId();
      const actor = { type: 'operator', name: person } as const;
      const scope = { actor, target, session_id, turn_id };
      const [about, incident_id, approval_id] = [journal.head(), crypto.randomUUID(), crypto.randomUUID()];
      const bodies: readonly JournaledBody[] = [
        { kind: 'session_opened', session_id },
        { kind: 'user', text: prompt },
        { kind: 'tool', name: 'ssh', input: { command: prompt }, tool_call_id: toolCallId(detail) },
        { kind: 'error', error: detail },
        { kind: 'cancelled', by: person },
        { kind: 'approval_resolved', approval_id, answer: 'denied', by: person, reason: detail },
        { kind: 'notified', channel: 'ntfy', about, result: 'failed', detail },
        { kind: 'incident_opened', incident_id, title, source: title, detail },
        { kind: 'incident_alert', incident_id, status: 'firing', title, fingerprints: [detail] },
        { kind: 'turn_end' },
      ];
      await journal.append(bodies.map((body) => ({ ...body, ...scope })));
      const text = await metrics.text();
      for (const secret of [person, prompt, title, detail, session_id, turn_id, incident_id, approval_id])
        expect(text).not.toContain(secret);
    }),
    { numRuns: 30 },
  );
  expect(sample(await metrics.text(), 'breakglass_sessions_opened_total')).toBe(30);
});

test('however much happens, the number of series stays', async () => {
  const journal = createMemoryJournal();
  const metrics = metricsOver(journal);
  const series = async (): Promise<number> =>
    (await metrics.text()).split('\n').filter((line) => line.startsWith('breakglass_')).length;
  const before = await series();
  for (let turn = 0; turn < 200; turn++)
    await journal.append([
      { kind: 'error', error: `trouble ${turn}`, actor: by, target, turn_id: newTurnId() },
      { kind: 'turn_end', actor: by, target, turn_id: newTurnId() },
    ]);
  expect(await series()).toBe(before);
});
