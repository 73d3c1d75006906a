// The command `breakglass` in front of a real console with the lab behind it, at a real terminal (script(1)) and without one.
import { readFileSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Operation } from '../../protocol/operations.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { runBreakglass, startCommand } from '../support/command.ts';
import { TOKEN } from '../support/console.ts';
import { type House, startHouse } from '../support/house.ts';
import { inVm } from '../support/in-vm.ts';
import { tempDir } from '../support/temp-dir.ts';
import { until } from '../support/wait-for.ts';

const LIMIT = { timeout: 900_000 };

async function house(scenario: string): Promise<House> {
  const started = await startHouse({ scenario, env: { BREAKGLASS_POLICY: 'ask' } });
  onTestFinished(() => started.close());
  return started;
}
const envOf = (url: string) => ({ BREAKGLASS_URL: url, BREAKGLASS_TOKEN: TOKEN });

/** A way to the console whose connections can all be cut. */
async function wayTo(base: string) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(base).port), '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

test(
  'a stalled VM: triage names it, a reset is refused twice, a cycle that is confirmed brings it back over a connection that is cut',
  LIMIT,
  async () => {
    const { base } = await house('io-stall');
    const env = envOf(base);

    const triage = await runBreakglass(['triage', '--json'], env);
    expect(triage.code).toBe(0);
    const { finding } = JSON.parse(triage.stdout) as TriageReport;
    expect([finding.code, finding.advised]).toEqual(['block-path-stalled', 'cycle']);

    // Nobody is there to confirm.
    const alone = await runBreakglass(['cycle'], env);
    expect([alone.code, alone.stdout]).toEqual([2, '']);
    expect(alone.stderr).toContain('add --yes. Nothing was done.');
    const against = await runBreakglass(['reset', 'devvm', '--yes'], env);
    expect([against.code, against.stdout]).toEqual([4, '']);
    expect(against.stderr).toContain('Triage advises against reset (block-path-stalled)');
    expect(against.stderr).toContain('--despite-finding');

    // Somebody is, and thinks again.
    const reset = startCommand(['reset'], { env, terminal: true });
    await reset.sees('finding: ');
    await reset.sees('Type devvm (or y) to reset it: ');
    reset.type('y\n');
    await reset.sees('Triage advises against reset');
    await reset.sees('Type devvm to reset it all the same: ');
    reset.type('y\n');
    expect(await reset.ended()).toBe(4);
    const second = await runBreakglass(['status', 'devvm'], env);
    expect(second.stdout).not.toContain('reset by');

    // Ctrl-C leaves an operation, which goes on and can be watched.
    const capture = startCommand(['forensics'], { env, terminal: true });
    await capture.sees(/operation [0-9a-f-]{36}/);
    capture.type('\u0003');
    expect(await capture.ended()).toBe(130);
    const how = /You left\. The operation goes on\. Watch it: breakglass watch ([0-9a-f-]{36})/;
    const id = how.exec(capture.stdout())?.[1] ?? '';
    const watched = await runBreakglass(['watch', id], env);
    expect([watched.code, watched.stderr]).toEqual([0, expect.stringContaining(':')]);
    expect(watched.stdout).toMatch(/^forensics succeeded: .+\nevidence: \S+\n$/);

    const way = await wayTo(base);
    const cycle = startCommand(['cycle'], { env: envOf(way.url), terminal: true });
    await cycle.sees('Type devvm (or y) to cycle it: ');
    cycle.type('devvm\n');
    await cycle.sees(/operation [0-9a-f-]{36}/);
    await cycle.sees(/\w+: runs/);
    way.cut();
    await cycle.sees('The connection was lost. The operation goes on at the console; asking for it again.');
    expect(await cycle.ended()).toBe(0);
    expect(cycle.stdout()).toContain('cycle \u001B[32msucceeded\u001B[0m: ');
    expect(cycle.stdout().match(/forensics: runs/g) ?? []).toHaveLength(1);

    // What is left of it: evidence and the report.
    const evidenceId = /^evidence: (\S+)\r$/m.exec(cycle.stdout())?.[1] ?? '';
    expect((await runBreakglass(['evidence'], env)).stdout).toContain(evidenceId);
    expect((await runBreakglass(['evidence', evidenceId], env)).stdout).toContain('block-path-stalled');
    const bundle = path.join(tempDir(), 'bundle.tar.gz');
    expect((await runBreakglass(['evidence', evidenceId, '--bundle', bundle], env)).code).toBe(0);
    expect([readFileSync(bundle).subarray(0, 2).toString('hex'), statSync(bundle).mode & 0o777]).toEqual([
      '1f8b',
      0o600,
    ]);
    const again = await runBreakglass(['evidence', evidenceId, '--bundle', bundle], env);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')]);
    const report = await runBreakglass(['report', '--target', 'devvm', '--since', '2h'], env);
    expect(report.code).toBe(0);
    expect(report.stdout).toContain('cycle succeeded:');
    expect(report.stdout).toContain(`Evidence ${evidenceId.replaceAll('_', '\\_')} (complete)`);
    const operations = await runBreakglass(
      ['watch', /operation ([0-9a-f-]{36})/.exec(cycle.stdout())?.[1] ?? '', '--json'],
      env,
    );
    expect((JSON.parse(operations.stdout) as Operation).state).toBe('succeeded');
  },
);

test(
  'a full disk: the agent is asked, its questions are denied, answered from elsewhere and at the terminal, and Ctrl-C stops a turn',
  LIMIT,
  async () => {
    const lab = await house('disk-full');
    const env = envOf(lab.base);
    const isFull = async () => (await inVm(lab, 'df --output=pcent / | tail -1')) === '100%';

    // On a busy machine the first agent may start slower than the console waits for it. Then it says: ask again.
    const look = await until(
      'the end of the first turn',
      async () => {
        const run = await runBreakglass(['ask', 'Triage'], env);
        if (run.code !== 0) expect(run.stderr).toContain('Ask again in a moment.');
        return run.code === 0 && run;
      },
      400_000,
    );
    expect(look.stdout).toContain('/var/log/orders-api/debug.log');
    expect(look.stdout).not.toContain('$ ssh');
    expect(look.stderr).toMatch(/\$ ssh devvm /);
    const session = /session ([0-9a-f-]{36})/.exec(look.stderr)?.[1] ?? '';
    expect((await runBreakglass(['sessions', '--search', 'triage'], env)).stdout).toContain(session);

    const denied = await runBreakglass(['ask', 'Fix it.', '--session', session, '--deny-all'], env);
    expect(denied.code).toBe(0);
    expect(denied.stderr).toContain('The agent asks to run this on devvm as repair');
    expect(denied.stderr).toContain('denied by operator.');
    expect(await isFull()).toBe(true);

    // One turn waits, and is stopped: once is enough.
    const stopped = startCommand(['ask', 'Fix it.', '--session', session], { env, terminal: true });
    await stopped.sees('Approve? y or n: ');
    stopped.type('\u0003');
    await stopped.sees('Stopping the turn. Ctrl-C again leaves it.');
    expect(await stopped.ended()).toBe(1);
    expect(await isFull()).toBe(true);

    // Nobody is at this terminal; somebody answers at another one.
    const waiting = startCommand(['ask', 'Fix it.', '--session', session], { env });
    await waiting.sees(/It waits: breakglass approve [0-9a-f-]{36}/);
    const id = /breakglass approve ([0-9a-f-]{36})/.exec(waiting.stderr())?.[1] ?? '';
    const listed = await runBreakglass(['approve'], env);
    expect(listed.stdout).toContain(id.slice(0, 8));
    expect((await runBreakglass(['approve', id], env)).code).toBe(2);
    const no = await runBreakglass(
      ['approve', id.slice(0, 8), '--deny', '--reason', 'Copy the log first.'],
      env,
    );
    expect([no.code, no.stderr]).toEqual([0, expect.stringContaining('denied by operator.')]);
    expect(await waiting.ended()).toBe(0);
    expect(waiting.stdout()).toContain('Copy the log first.');

    const way = await wayTo(lab.base);
    const fix = startCommand(['ask', 'Fix it.', '--session', session], {
      env: envOf(way.url),
      terminal: true,
    });
    await fix.sees('/var/log/orders-api/debug.log');
    await fix.sees('Approve? y or n: ');
    way.cut();
    await fix.sees('The connection was lost. The turn goes on at the console; attaching again.');
    fix.type('y\n');
    await fix.sees('approved by operator.');
    await fix.sees('orders-api.service');
    await fix.sees('Approve? y or n: ');
    fix.type('y\n');
    expect(await fix.ended()).toBe(0);
    expect(await isFull()).toBe(false);
    expect(await inVm(lab, 'systemctl is-active orders-api.service')).toBe('active');

    const report = await runBreakglass(['report', session], env);
    expect(report.stdout).toContain('| denied | operator |');
    expect(report.stdout).toContain('| approved | operator |');
  },
);
