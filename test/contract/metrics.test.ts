// The metrics of the real console, over its own port.
import { createServer } from 'node:http';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { packageVersion } from '../../server/config/package-root.ts';
import { type Console, makeConsole } from '../support/console.ts';
import { freePort } from '../support/free-port.ts';
import { promtool } from '../support/promtool.ts';
import { metricsIn, sample } from '../support/scraped.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait-for.ts';

/** A console in front of nothing: port 1 refuses. */
async function consoleWith(env: Readonly<Record<string, string>>): Promise<Console> {
  const dir = tempDir();
  const console = await makeConsole({
    dir,
    hostPort: 1,
    hostUser: 'breakglass',
    vmPort: 1,
    keyPath: path.join(dir, 'no-key'),
    modelUrl: 'http://127.0.0.1:1',
    env,
  });
  onTestFinished(() => console.close());
  await console.start();
  return console;
}

const scrape = async (port: number): Promise<string> =>
  until('a scrape', () =>
    fetch(`http://127.0.0.1:${port}/metrics`).then(
      (answer) => answer.text(),
      () => undefined,
    ),
  );

test('a verb that is pressed is in the next scrape, which promtool accepts, and the console has no /metrics itself', async () => {
  const port = await freePort();
  const console = await consoleWith({ BREAKGLASS_METRICS_PORT: String(port) });
  const before = await scrape(port);
  const failed = { target: 'devvm', verb: 'status', outcome: 'failed' };
  expect(sample(before, 'breakglass_operations_total', failed)).toBe(0);
  expect(sample(before, 'breakglass_journal_up')).toBe(1);
  expect(sample(before, 'breakglass_build_info', { version: packageVersion(), node: process.version })).toBe(
    1,
  );
  await console.call('POST', '/api/pve/status');
  const session = await console.newSession();
  const text = await until('a scrape that knows of it', async () => {
    const now = await scrape(port);
    return sample(now, 'breakglass_operations_total', failed) === 1 ? now : undefined;
  });
  expect(sample(text, 'breakglass_sessions_opened_total')).toBe(1);
  expect(sample(text, 'breakglass_journal_append_seconds_count')).toBeGreaterThan(1);
  expect(text).not.toContain(session);
  expect(promtool(['check', 'metrics'], text)).toEqual({ code: 0, text: '' });
  expect([...metricsIn(text).keys()].includes('process_resident_memory_bytes')).toBe(true);
  // The page's address has the page there, and no metric.
  expect(await (await fetch(`${console.base}/metrics`)).text()).not.toContain('breakglass_');
});

test('a port that is taken is a warning on the page, and the console works', async () => {
  const other = createServer((_request, response) => response.end('something else'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    other.close();
  });
  const taken = other.address();
  if (taken === null || typeof taken === 'string') throw new Error('no port');
  const console = await consoleWith({ BREAKGLASS_METRICS_PORT: String(taken.port) });
  const warned = await until('the warning', async () => {
    const { warnings } = (await (await console.call('GET', '/api/me')).json()) as { warnings: string[] };
    return warnings.find((warning) => warning.includes('BREAKGLASS_METRICS_PORT'));
  });
  expect(warned).toContain('is taken by another program');
  expect(console.log()).toContain(warned);
  // It was pressed: the power host is what does not answer here.
  expect((await console.call('POST', '/api/pve/status')).status).toBe(502);
});

test('power only: operations are counted without a journal', async () => {
  const port = await freePort();
  const console = await consoleWith({
    BREAKGLASS_METRICS_PORT: String(port),
    // This file is no directory, so nothing can be made below it.
    BREAKGLASS_DATA_DIR: path.join(import.meta.filename, 'data'),
  });
  const { mode } = (await (await console.call('GET', '/api/me')).json()) as { mode: string };
  expect(mode).toBe('power-only');
  await console.call('POST', '/api/pve/status');
  const text = await until('a scrape that knows of it', async () => {
    const now = await scrape(port);
    const failed = { target: 'devvm', verb: 'status', outcome: 'failed' };
    return sample(now, 'breakglass_operations_total', failed) === 1 ? now : undefined;
  });
  expect(sample(text, 'breakglass_journal_up')).toBe(0);
  expect(sample(text, 'breakglass_approvals_waiting')).toBeUndefined();
  expect(promtool(['check', 'metrics'], text)).toEqual({ code: 0, text: '' });
});

test('without BREAKGLASS_METRICS_PORT nothing listens but the console', async () => {
  const console = await consoleWith({});
  expect(console.log()).not.toContain('metrics');
});
