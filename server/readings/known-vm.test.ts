import { expect, test } from 'vitest';
import { parseStatus } from '../power-host/output.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';
import { knownVm } from './known-vm.ts';

const NOW = Date.parse('2026-01-31T02:03:20Z');
const bounds = { nowMs: NOW, freshMs: 15_000, changedAtMs: Number.NEGATIVE_INFINITY };
const said = (text: string, ageMs = 0) => {
  const status = parseStatus(text, undefined);
  if (status === undefined) throw new Error('this is no status');
  const value: StatusAnswer = { status, version: undefined };
  return { value, at: new Date(NOW - ageMs).toISOString() };
};
const RUNS = 'status: running\nqmp: answers\npid: 1\nlock: none\n';

test('a status that was just read is known', () => {
  expect(knownVm(said(RUNS), bounds)).toEqual({ state: 'running', monitorAnswers: true, lock: 'none' });
  expect(knownVm(said('status: stopped\n'), bounds)).toEqual({
    state: 'stopped',
    monitorAnswers: false,
    lock: undefined,
  });
});

test('nothing is known of what was not asked, is old, or was seen before the last verb ended', () => {
  expect(knownVm(undefined, bounds)).toBeUndefined();
  expect(knownVm(said(RUNS, 15_001), bounds)).toBeUndefined();
  expect(knownVm(said(RUNS, 2_000), { ...bounds, changedAtMs: NOW - 1_000 })).toBeUndefined();
  expect(knownVm(said(RUNS, 2_000), { ...bounds, changedAtMs: NOW - 3_000 })).toBeDefined();
  expect(knownVm(said(RUNS), { ...bounds, changedAtMs: Number.POSITIVE_INFINITY })).toBeUndefined();
  const at = new Date(NOW).toISOString();
  const failed: StatusAnswer = { status: undefined, detail: 'x', how: 'unreachable', reachable: false };
  expect(knownVm({ value: failed, at }, bounds)).toBeUndefined();
});

test('a reading that the host itself kept is as old as it says', () => {
  expect(knownVm(said(`${RUNS}asked: 14 s ago\n`), bounds)).toBeDefined();
  expect(knownVm(said(`${RUNS}asked: 16 s ago\n`), bounds)).toBeUndefined();
});

test('while the host carries out a verb, or has no configuration of the VM, its state says nothing', () => {
  expect(knownVm(said(`${RUNS}busy: cycle for 3 s\n`), bounds)).toBeUndefined();
  expect(knownVm(said(`${RUNS}cluster: there is no configuration here\n`), bounds)).toBeUndefined();
});
