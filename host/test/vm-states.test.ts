import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CONFIG_LOCKS, RUN_STATES } from '../../protocol/vm-states.ts';
import { VM_STATES_BASH, vmStatesBash } from './support/vm-states.ts';

test("the host's tables are those of protocol/vm-states.ts", () => {
  expect(readFileSync(VM_STATES_BASH, 'utf8')).toBe(vmStatesBash());
});

test('bash reads them, also where they are sourced by a function', () => {
  const program = 'f() { source "$0"; }; f; declare -p run_state_kind lock_task_types lock_start_resumes';
  const said = execFileSync('bash', ['-euc', program, VM_STATES_BASH], { encoding: 'utf8' });
  for (const [state, { kind }] of Object.entries(RUN_STATES)) expect(said).toContain(`[${state}]="${kind}"`);
  for (const [lock, { tasks }] of Object.entries(CONFIG_LOCKS))
    expect(said).toContain(`[${lock}]="${tasks.join(' ')}"`);
  expect(said).toContain('[suspended]="yes"');
});
