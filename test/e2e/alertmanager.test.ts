// The real Alertmanager of Debian sends to a real console with the lab around it. Its own API is what Prometheus would use.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Incident, Incidents } from '../../protocol/alerts.ts';
import { freePort } from '../support/free-port.ts';
import { type House, startHouse } from '../support/house.ts';
import { until } from '../support/wait-for.ts';

describe('with Alertmanager', () => {
  let house: House;
  let manager: ChildProcess;
  let api: string;
  let said = '';
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-alertmanager-'));

  const fire = async (name: string, over: { ended?: boolean } = {}): Promise<void> => {
    const nowMs = Date.now();
    const alerts = [
      {
        labels: { alertname: name, instance: '10.0.10.10:22' },
        annotations: { summary: `${name} of devvm` },
        startsAt: new Date(nowMs - 60_000).toISOString(),
        endsAt: new Date(nowMs + (over.ended === true ? -1_000 : 3_600_000)).toISOString(),
      },
    ];
    const answer = await fetch(`${api}/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    });
    expect(answer.status).toBe(200);
  };
  const incidents = async (): Promise<readonly Incident[]> =>
    ((await (await house.call('GET', '/api/incidents')).json()) as Incidents).incidents;

  beforeAll(async () => {
    house = await startHouse({ scenario: 'disk-full' });
    const made = await house.call('POST', '/api/tokens', { name: 'alertmanager', role: 'alerts' });
    const { secret } = (await made.json()) as { secret: string };
    const port = await freePort();
    writeFileSync(path.join(dir, 'token'), secret);
    writeFileSync(
      path.join(dir, 'alertmanager.yml'),
      [
        'route: { receiver: breakglass, group_by: [instance], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }',
        'receivers:',
        '  - name: breakglass',
        '    webhook_configs:',
        `      - url: ${house.base}/api/alerts/alertmanager`,
        '        send_resolved: true',
        '        http_config:',
        '          authorization: { type: Bearer, credentials_file: token }',
      ].join('\n'),
    );
    manager = spawn(
      '/usr/bin/prometheus-alertmanager',
      [
        `--config.file=${dir}/alertmanager.yml`,
        `--storage.path=${dir}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
      ],
      { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [manager.stdout, manager.stderr])
      stream?.on('data', (data: Buffer) => {
        said += data.toString();
      });
    api = `http://127.0.0.1:${port}/api/v2`;
    await until('Alertmanager', () => {
      if (manager.exitCode !== null) throw new Error(`Alertmanager ended:\n${said}`);
      return fetch(`${api}/status`).then(
        ({ ok }) => ok,
        () => false,
      );
    });
  });
  afterAll(async () => {
    manager.kill('SIGKILL');
    await house.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test('the configuration that the documentation shows is one that Alertmanager takes', () => {
    const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/alerts.md'), 'utf8');
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    writeFileSync(path.join(dir, 'example.yml'), example);
    const checked = spawnSync('/usr/bin/amtool', ['check-config', path.join(dir, 'example.yml')], {
      encoding: 'utf8',
    });
    expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining('1 receivers')]);
  });

  test('what fires opens an incident with a verdict, and what is resolved closes it', async () => {
    await fire('SshSilent');
    const verdict = await until('a verdict', async () => (await incidents())[0]?.verdict);
    // On a machine that is busy the guest's slow SSH is what triage sees first.
    expect(verdict).toMatchObject({
      agent: 'not-configured',
      detail: expect.stringMatching(/[Dd]isk|SSH took \d/),
    });
    expect(await incidents()).toMatchObject([
      { target: 'devvm', title: 'SshSilent: SshSilent of devvm', source: 'Alertmanager', firing: 1 },
    ]);
    await fire('SshSilent', { ended: true });
    await until('the end of the incident', async () => (await incidents())[0]?.closed);
    expect(await incidents()).toHaveLength(1);
  });

  test('what happens while the console is dead arrives once it lives again', async () => {
    await fire('NodeDown');
    const open = await until('an open incident', async () =>
      (await incidents()).find(({ closed }) => closed === undefined),
    );
    await house.kill();
    await fire('DiskFull');
    await fire('NodeDown', { ended: true });
    await until('Alertmanager to try in vain', () => said.includes('connection refused'));
    await house.start();
    await until('both in the incident that was open', async () => {
      const now = (await incidents()).find(({ incident_id: id }) => id === open.incident_id);
      return now?.firing === 1 && now.resolved === 1;
    });
    await fire('DiskFull', { ended: true });
    await until('its end', async () => (await incidents()).every(({ closed }) => closed !== undefined));
    expect(await incidents()).toHaveLength(2);
    expect(new Set((await incidents()).map(({ session_id: id }) => id)).size).toBe(2);
  });
});
