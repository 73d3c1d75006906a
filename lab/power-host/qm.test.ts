// The stand-in for qm says what Proxmox's says: texts and exit codes of qemu-server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMachine, type MachineSeed } from '../machine/machine.ts';
import { prepareHostRoot } from './host-root.ts';

let dir: string;

const seeded = (seed: Partial<MachineSeed> = {}) => {
  createMachine(dir, {
    vmid: 102,
    name: 'devvm',
    status: 'running',
    fault: 'none',
    config: { agent: '1', cores: '4', memory: '8192' },
    pending: { memory: '16384' },
    ...seed,
  });
  prepareHostRoot(dir);
};
const qm = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await execa(path.join(dir, 'bin/qm'), argv, { reject: false });
  return { exitCode, stdout, stderr };
};
const counters = (verbose: string) => /^diskwrite: (\d+)$/m.exec(verbose)?.[1];

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'breakglass-qm-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('status, config, pending', async () => {
  seeded();
  expect(await qm('status', '102')).toEqual({ exitCode: 0, stdout: 'status: running', stderr: '' });
  expect((await qm('config', '102')).stdout).toBe('agent: 1\ncores: 4\nmemory: 16384');
  expect((await qm('config', '102', '--current', '1')).stdout).toBe('agent: 1\ncores: 4\nmemory: 8192');
  expect((await qm('pending', '102')).stdout).toBe(
    'cur agent: 1\ncur cores: 4\ncur memory: 8192\nnew memory: 16384',
  );
});

test('status --verbose indents by tabs, and its counters advance', async () => {
  seeded();
  const first = (await qm('status', '102', '--verbose')).stdout;
  expect(first).toMatch(/^blockstat:\n\tscsi0:\n\t\trd_bytes: \d+$/m);
  expect(first).toMatch(/^running-qemu: /m);
  const second = (await qm('status', '102', '--verbose')).stdout;
  expect(Number(counters(second))).toBeGreaterThan(Number(counters(first)));
});

test('in a block stall the counters stand still while QMP answers', async () => {
  seeded({ fault: 'block-stall' });
  const first = (await qm('status', '102', '--verbose')).stdout;
  expect(first).toMatch(/^running-qemu: /m);
  expect(counters((await qm('status', '102', '--verbose')).stdout)).toBe(counters(first));
});

test('a wedged QEMU is "running" with nothing that QMP would tell', async () => {
  seeded({ fault: 'block-stall' });
  expect((await qm('reset', '102')).exitCode).toBe(0);
  const { exitCode, stdout } = await qm('status', '102', '--verbose');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^status: running$/m);
  expect(stdout).not.toMatch(/running-qemu|diskwrite|blockstat/);
  expect(await qm('status', '102')).toMatchObject({ exitCode: 0, stdout: 'status: running' });
});

test('stop of a stalled VM escalates to SIGKILL and says so', async () => {
  seeded({ fault: 'block-stall' });
  expect(await qm('stop', '102')).toEqual({
    exitCode: 0,
    stdout: '',
    stderr:
      'VM quit/powerdown failed - terminating now with SIGTERM\nVM still running - terminating now with SIGKILL',
  });
  expect((await qm('status', '102')).stdout).toBe('status: stopped');
});

test('the refusals', async () => {
  seeded({ status: 'stopped', config: {} });
  expect(await qm('stop', '102')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(await qm('reset', '102')).toMatchObject({ exitCode: 255, stderr: 'VM 102 not running' });
  expect(await qm('guest', 'cmd', '102', 'ping')).toMatchObject({
    exitCode: 255,
    stderr: 'No QEMU guest agent configured',
  });
  expect((await qm('start', '102')).exitCode).toBe(0);
  expect(await qm('start', '102')).toMatchObject({ exitCode: 255, stderr: 'VM 102 already running' });
  expect((await qm('status', '103')).stderr).toBe(
    "Configuration file 'nodes/lab/qemu-server/103.conf' does not exist",
  );
  expect((await qm('destroy', '102')).exitCode).toBe(255);
});

test('the guest agent answers a healthy VM, and does not in a stall', async () => {
  seeded();
  expect(await qm('guest', 'cmd', '102', 'ping')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  rmSync(path.join(dir, 'proc'), { recursive: true });
  seeded({ fault: 'block-stall' });
  expect(await qm('guest', 'cmd', '102', 'ping')).toMatchObject({
    exitCode: 255,
    stderr: 'QEMU guest agent is not running',
  });
});

test('a config lock refuses start, stop and reset', async () => {
  seeded({ config: { lock: 'backup' } });
  for (const word of ['stop', 'reset']) {
    expect(await qm(word, '102')).toMatchObject({ exitCode: 255, stderr: 'VM is locked (backup)' });
  }
});
