import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { within } from '../../test/support/wait-for.ts';
import { prepareHostRoot } from '../power-host/host-root.ts';
import { createMachine, type MachineSeed, openMachine } from './machine.ts';

const SEED: MachineSeed = {
  vmid: 102,
  name: 'devvm',
  status: 'running',
  fault: 'block-stall',
  config: { agent: '1', memory: '8192' },
  pending: { memory: '16384' },
};

let dir: string;
const qm = (...argv: string[]) => execFileSync(path.join(dir, 'bin/qm'), argv, { encoding: 'utf8' });

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'breakglass-machine-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('a machine is as its seed says, and has been up for days', () => {
  const machine = createMachine(dir, SEED);
  expect(machine.status()).toBe('running');
  expect(machine.fault()).toBe('block-stall');
  expect(machine.config()).toEqual({ agent: '1', memory: '8192' });
  expect(machine.boot()).toMatchObject({ number: 1, cause: 'start' });
  expect(Date.now() - machine.boot().atMs).toBeGreaterThan(86_400_000);
});

test('a stopped machine has no fault: a fault lives in the process', () => {
  expect(createMachine(dir, { ...SEED, status: 'stopped' }).fault()).toBe('none');
});

test('a second view sees what qm did: a reset is a new boot, a start applies the staged configuration', () => {
  createMachine(dir, { ...SEED, fault: 'none' });
  prepareHostRoot(dir);
  const view = openMachine(dir);
  qm('reset', '102');
  expect(view.boot()).toMatchObject({ number: 2, cause: 'reset' });
  expect(view.config()['memory']).toBe('8192');
  qm('stop', '102');
  expect(view.status()).toBe('stopped');
  qm('start', '102');
  expect(view.status()).toBe('running');
  expect(view.boot()).toMatchObject({ number: 3, cause: 'start' });
  expect(view.config()['memory']).toBe('16384');
});

test('a kill, a start and a reset are each told to a listener, and nothing after it stopped listening', async () => {
  const machine = createMachine(dir, { ...SEED, fault: 'none' });
  prepareHostRoot(dir);
  let next = Promise.withResolvers<void>();
  let calls = 0;
  const stop = machine.onChange(() => {
    calls += 1;
    next.resolve();
  });
  for (const change of [
    () => execFileSync(path.join(dir, 'bin/kill'), ['-KILL', '4242']),
    () => qm('start', '102'),
    () => qm('reset', '102'),
  ]) {
    next = Promise.withResolvers<void>();
    change();
    await within('the change', next.promise);
  }
  stop();
  const before = calls;
  // Another one hears what the first would have heard.
  const heard = Promise.withResolvers<void>();
  const stopOther = machine.onChange(() => heard.resolve());
  qm('reset', '102');
  await within('the change', heard.promise);
  stopOther();
  expect(calls).toBe(before);
});
