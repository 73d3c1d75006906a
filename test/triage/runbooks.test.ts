// The agent hears what the rules say: the runbooks and its instructions name the findings by their names, all of them and no others.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { CONFIG_LOCKS, RUN_STATES } from '../../protocol/vm-states.ts';
import { CAUTIONS } from '../../server/triage/cautions.ts';
import { RULES } from '../../server/triage/rules.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const names = readdirSync(path.join(ROOT, 'knowledge')).filter((name) => name.endsWith('.md'));
const text = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const runbooks = names.map((name) => text(`knowledge/${name}`)).join('\n');
const codes = new Set(RULES.map(({ code }) => code));

test('every runbook stands in the list, and the list names no other', () => {
  const index = text('knowledge/README.md');
  const listed = new Set([...index.matchAll(/^\| ([a-z-]+\.md) \|/gm)].map(([, name]) => name));
  expect(listed).toEqual(new Set(names.filter((name) => name !== 'README.md')));
  for (const [, name] of runbooks.matchAll(/(?<!docs\/)\b([a-z]+(?:-[a-z]+)*\.md)\b/g))
    expect(names).toContain(name);
});

test('a finding that a runbook names is one of the rules', () => {
  const named = [...runbooks.matchAll(/Triage:\s+((?:`[a-z-]+`(?:,\s+or\s+|,\s+|\s+or\s+)?)+)/g)]
    .flatMap(([, list]) => [...(list ?? '').matchAll(/`([a-z-]+)`/g)])
    .map(([, code]) => code ?? '');
  expect(named.length).toBeGreaterThan(4);
  for (const code of named) expect([...codes]).toContain(code);
});

test('a finding that wants more than its own advice has a runbook', () => {
  for (const code of [
    'busy',
    'stale-lock',
    'task-stuck',
    'suspended-to-disk',
    'filesystems-frozen',
    'guest-network-or-sshd',
    'not-on-this-node',
    'migrated-away',
    'host-storage-or-kernel',
    'power-host-slow',
  ]) {
    expect([...codes]).toContain(code);
    expect(runbooks, code).toContain(`\`${code}\``);
  }
});

test('every state of QEMU stands in the runbook of states', () => {
  const states = text('knowledge/stopped-or-locked.md');
  for (const state of Object.keys(RUN_STATES)) expect(states, state).toContain(state);
});

test('the locks of the runbook are those of the table, each with the tasks that take it', () => {
  const lock = text('knowledge/stale-lock.md');
  for (const { tasks } of Object.values(CONFIG_LOCKS))
    if (!tasks.some((task) => ['qmstart', 'qmcreate', 'qmsuspend'].includes(task)))
      expect(lock).toContain(`\`${tasks[0]}\``);
});

test('neither rules nor runbooks let anybody unlock a hibernated VM, or reset a stall', () => {
  expect(text('knowledge/hibernated.md')).toContain('**Never** `qm unlock`');
  const stalls = RULES.filter(({ code }) => code === 'block-path-stalled');
  for (const { warned, advised } of stalls) {
    expect(warned).toContain('reset');
    expect(advised).not.toBe('reset');
  }
  expect(text('agents/breakglass.md')).toMatch(/`reset` keeps that process and makes it\s+worse/);
  expect(CAUTIONS.map(({ code }) => code)).toContain('quorum-lost');
});
