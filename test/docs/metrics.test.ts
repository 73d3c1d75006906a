// The example of rules, the dashboard and the page of metrics, held against what the console really exports.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { LinkCode } from '../../protocol/doctor.ts';
import { parseTargetName, type TargetName } from '../../protocol/ids.ts';
import { startMetrics } from '../../server/metrics/metrics.ts';
import { createMemoryJournal } from '../support/memory-journal.ts';
import { promtool } from '../support/promtool.ts';
import { metricsIn } from '../support/scraped.ts';
import { silent } from '../support/ssh-parts.ts';
import { tempDir } from '../support/temp-dir.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const rules = path.join(root, 'deploy/prometheus/alerts.yaml');

/** Every metric there can be: where all is known. */
async function exported(): Promise<{ text: string; types: ReadonlyMap<string, string> }> {
  const target = parseTargetName('devvm') as TargetName;
  const metrics = startMetrics({
    journal: createMemoryJournal(),
    targets: [{ name: target, power: { follow: () => () => undefined } }],
    logger: silent,
  });
  onTestFinished(() => metrics.close());
  const at = new Date().toISOString();
  const link = (code: LinkCode) => ({ code, title: code, state: 'works', detail: '', docs: '' }) as const;
  metrics.serve(
    { bind: '127.0.0.1', port: 0 },
    {
      version: '0',
      targets: [
        {
          name: target,
          known: () => ({
            vm: { state: 'running', at },
            ssh: { answers: true, reading: 'works' as const, at },
          }),
        },
      ],
      selfTestHours: 24,
      doctor: () => ({
        last: {
          at,
          took_ms: 1,
          by: { type: 'server', name: 'x' },
          links: [link('journal')],
          count: { works: 1, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 },
        },
        running: null,
        next_at: null,
      }),
      conversation: {
        writes: () => true,
        sessions: () => ({ turns: 0, queued: 0, watched: 0 }),
        liveAgents: () => 0,
        waitingApprovals: () => 0,
        hasIncident: () => false,
        auditWaiting: () => [{ channel: 'audit-syslog', events: 0 }],
      },
    },
  );
  const text = await metrics.text();
  return { text, types: metricsIn(text) };
}

/** What an expression may name: a histogram has three. */
function names(types: ReadonlyMap<string, string>): ReadonlySet<string> {
  const parts = ['_bucket', '_sum', '_count'];
  return new Set(
    [...types].flatMap(([name, type]) => (type === 'histogram' ? parts.map((part) => name + part) : [name])),
  );
}

const namedIn = (text: string): readonly string[] =>
  [...text.matchAll(/\b(?:breakglass|process|nodejs)_[a-z0-9_]+\b/g)].map(([name]) => name);

interface Panel {
  readonly title: string;
  readonly id: number;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(read('deploy/grafana/breakglass.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
};
const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr })),
);

test('promtool understands the rules, and they say what their tests expect', () => {
  expect(promtool(['check', 'rules', '--lint=all', '--lint-fatal', rules])).toMatchObject({ code: 0 });
  const tested = promtool(['test', 'rules', path.join(root, 'deploy/prometheus/alerts.test.yaml')]);
  expect(tested).toMatchObject({ code: 0 });
  expect(tested.text).toContain('SUCCESS');
});

test('every rule has a test that fires it, and is on the page of metrics', () => {
  const alerts = [...read('deploy/prometheus/alerts.yaml').matchAll(/- alert: (\w+)/g)].map(
    ([, name = '']) => name,
  );
  expect(alerts.length).toBeGreaterThan(8);
  const tests = read('deploy/prometheus/alerts.test.yaml');
  const fired = alerts.filter((name) => new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n`).test(tests));
  expect(fired).toEqual(alerts);
  const page = read('docs/metrics.md');
  expect(alerts.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test('rules and dashboard name only metrics that are exported, and the dashboard leaves none of ours out', async () => {
  const known = names((await exported()).types);
  const inRules = namedIn(read('deploy/prometheus/alerts.yaml'));
  expect(inRules.length).toBeGreaterThan(8);
  expect(inRules.filter((name) => !known.has(name))).toEqual([]);
  const shown = new Set([
    ...expressions.flatMap(({ expr }) => namedIn(expr)),
    ...dashboard.templating.list.flatMap(({ definition = '' }) => namedIn(definition)),
  ]);
  expect([...shown].filter((name) => !known.has(name))).toEqual([]);
  const ours = [...known].filter((name) => name.startsWith('breakglass_') && !/_(sum|count)$/.test(name));
  // When the last self-test began, whatever it found, is of use to a rule of one's own; how often it runs, to the rule that misses one.
  const unshown = new Set([
    'breakglass_self_test_last_run_timestamp_seconds',
    'breakglass_self_test_interval_seconds',
  ]);
  expect(ours.filter((name) => !shown.has(name) && !unshown.has(name))).toEqual([]);
});

test('the page of metrics has each metric with its type and its labels, and no other', async () => {
  const { text, types } = await exported();
  const rows = new Map(
    [...read('docs/metrics.md').matchAll(/^\| `(breakglass_\w+)` \| (\w+) \| (.*?) \|/gm)].map(
      ([, name = '', type = '', labels = '']) => [
        name,
        { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted() },
      ],
    ),
  );
  const labelsOf = (name: string): readonly string[] => {
    const labels = new Set(
      [...text.matchAll(new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'gm'))].flatMap(([, inner = '']) =>
        [...inner.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
      ),
    );
    return [...labels].filter((label) => label !== 'le').toSorted();
  };
  const real = new Map(
    [...types]
      .filter(([name]) => name.startsWith('breakglass_'))
      .map(([name, type]) => [name, { type, labels: labelsOf(name) }]),
  );
  expect(rows).toEqual(real);
});

test('every expression of the dashboard is one for Prometheus, and reads from the source that a person chose', () => {
  expect(expressions.length).toBeGreaterThan(20);
  // Grafana puts these in before it asks.
  const filled = (expr: string): string =>
    expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(instance|target)\b/g, '.*');
  const file = JSON.stringify({
    groups: [
      {
        name: 'dashboard',
        rules: expressions.map(({ expr }, index) => ({ record: `panel:${index}`, expr: filled(expr) })),
      },
    ],
  });
  expect(file).not.toContain('$');
  const rulesFile = path.join(tempDir(), 'rules.yaml');
  writeFileSync(rulesFile, file);
  const checked = promtool(['check', 'rules', rulesFile]);
  expect(checked).toMatchObject({ code: 0 });
  expect(checked.text).toContain(`${expressions.length} rules found`);
  expect(dashboard.templating.list.find(({ name }) => name === 'datasource')?.type).toBe('datasource');
  for (const { type, title, datasource } of dashboard.panels)
    if (type !== 'row') expect([title, datasource?.uid]).toEqual([title, `\${datasource}`]);
});

test('no two panels of the dashboard lie on each other', () => {
  const taken = new Map<string, string>();
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  for (const { title, gridPos } of dashboard.panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.get(`${x} ${y}`)).toBeUndefined();
        taken.set(`${x} ${y}`, title);
      }
  }
});
