import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AlertmanagerBody, GenericAlertBody, UptimeKumaBody } from '../../protocol/alerts.ts';
import { visibleLine } from '../../protocol/visible-text.ts';
import { fromAlertmanager, fromGeneric, fromUptimeKuma, labelsTold, told } from './incoming.ts';

const kuma = (heartbeat: unknown, monitor: unknown = { id: 7, name: 'devvm ssh', hostname: '10.0.10.10' }) =>
  fromUptimeKuma(UptimeKumaBody.parse({ heartbeat, monitor, msg: '[devvm ssh] [🔴 Down] timeout' }));

test('what is told of a text from outside is one bounded line in which nothing is invisible', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.integer({ min: 2, max: 200 }),
      (text, most) => {
        const line = told(text, most);
        expect(line.length).toBeLessThanOrEqual(most);
        expect(visibleLine(line)).toBe(line);
        expect(line.isWellFormed()).toBe(true);
      },
    ),
  );
  expect(told('a\u202Eb\nc', 100)).toBe('a⟨U+202E⟩b⟨\\n⟩c');
});

test('an alert of Alertmanager keeps its fingerprint from firing to resolved, whoever of two Alertmanagers sends it', () => {
  const one = (status: string, more = {}) =>
    fromAlertmanager(
      AlertmanagerBody.parse({
        version: '4',
        groupKey: '{}:{}',
        status,
        receiver: 'breakglass',
        truncatedAlerts: 0,
        alerts: [
          {
            status,
            labels: { alertname: 'SshDown', instance: '10.0.10.10:22' },
            annotations: { summary: 'SSH of devvm is silent', description: 'For 2 minutes.' },
            startsAt: '2026-11-27T02:31:00Z',
            endsAt: '0001-01-01T00:00:00Z',
            generatorURL: '',
            fingerprint: 'c6bf1a9f7e6ef2d7',
          },
        ],
        ...more,
      }),
    );
  const [fired] = one('firing').alerts;
  const [ended] = one('resolved', { receiver: 'other' }).alerts;
  expect(fired).toMatchObject({
    status: 'firing',
    title: 'SshDown: SSH of devvm is silent',
    detail: 'For 2 minutes.',
  });
  expect(ended).toMatchObject({ status: 'resolved', fingerprint: fired?.fingerprint });
  expect(one('firing', { truncatedAlerts: 3 }).remark).toContain('left out 3 alerts');
});

test('without a fingerprint the labels are one, in whatever order they come', () => {
  const print = (labels: Record<string, string>) =>
    fromAlertmanager(AlertmanagerBody.parse({ alerts: [{ status: 'firing', labels }] })).alerts[0]
      ?.fingerprint;
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string()), (labels) => {
      const turned = Object.fromEntries(Object.entries(labels).toReversed());
      expect(print(turned)).toBe(print(labels));
    }),
  );
  expect(print({ a: '1' })).not.toBe(print({ a: '2' }));
});

test('a monitor of Uptime Kuma that is down fires, up resolves, and pending, maintenance and a test message do neither', () => {
  const [down] = kuma({ status: 0, msg: 'timeout', important: true }).alerts;
  const [up] = kuma({ status: 1, msg: '200' }).alerts;
  expect(down).toMatchObject({ status: 'firing', title: 'devvm ssh is down', detail: 'timeout' });
  expect(down?.labels).toMatchObject({ monitor: 'devvm ssh', monitor_id: '7', hostname: '10.0.10.10' });
  expect(up).toMatchObject({ status: 'resolved', fingerprint: down?.fingerprint });
  for (const heartbeat of [{ status: 2 }, { status: 3 }, null]) {
    const { alerts, remark } = kuma(heartbeat, null);
    expect([alerts, remark]).toEqual([[], expect.stringMatching(/\.$/)]);
  }
});

test('a tag of Uptime Kuma is a label, and cannot pretend to be what the monitor says of itself', () => {
  const monitor = {
    id: 7,
    name: 'x',
    tags: [
      { name: 'breakglass_target', value: 'devvm' },
      { name: 'monitor', value: 'y' },
    ],
  };
  expect(kuma({ status: 0 }, monitor).alerts[0]?.labels).toEqual({
    breakglass_target: 'devvm',
    monitor: 'x',
    monitor_id: '7',
  });
});

test('a generic alert is the same one by its fingerprint, or by title, target and labels', () => {
  const print = (more: object) =>
    fromGeneric(GenericAlertBody.parse({ title: 't', status: 'firing', ...more })).alerts[0]?.fingerprint;
  expect(print({ fingerprint: 'a', title: 'other' })).toBe(print({ fingerprint: 'a' }));
  expect(print({ status: 'resolved' })).toBe(print({}));
  expect(new Set([print({}), print({ target: 'devvm' }), print({ labels: { a: 'b' } })]).size).toBe(3);
  expect(GenericAlertBody.safeParse({ title: ' ', status: 'firing' }).success).toBe(false);
  expect(GenericAlertBody.safeParse({ title: 't', status: 'down' }).success).toBe(false);
});

test('only the first labels are told, each of them cut', () => {
  const labels = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`l${n}`, 'x'.repeat(5_000)]));
  expect(labelsTold(labels).length).toBeLessThan(2_000);
});
