// The tables of protocol/vm-states.ts as the host's script reads them. `node host/test/support/vm-states.ts` writes the file anew.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CONFIG_LOCKS, RUN_STATES } from '../../../protocol/vm-states.ts';

export const VM_STATES_BASH = path.resolve(import.meta.dirname, '../../lib/vm-states.bash');

const table = (name: string, rows: readonly (readonly [string, string])[]): string =>
  [`declare -gA ${name}=(`, ...rows.map(([key, value]) => `  [${key}]='${value}'`), ')'].join('\n');

export function vmStatesBash(): string {
  const locks = Object.entries(CONFIG_LOCKS);
  return `${[
    '# shellcheck shell=bash disable=SC2034 # read by whoever sources it',
    '# Written from protocol/vm-states.ts by `node host/test/support/vm-states.ts`; a test compares them. What is not in a table is not',
    '# known, and nothing is done about it.',
    '',
    '# Of a state that QEMU or qm names: what kind it is. Only `runs` runs.',
    table(
      'run_state_kind',
      Object.entries(RUN_STATES).map(([state, { kind }]) => [state, kind]),
    ),
    '',
    "# Of a configuration's lock: the types of the tasks that take it (the third field from the end of a UPID).",
    table(
      'lock_task_types',
      locks.map(([lock, { tasks }]) => [lock, tasks.join(' ')]),
    ),
    '',
    "# Whose number such a task may carry besides the VM's own: none (several VMs), or another one (a clone's source).",
    table(
      'lock_task_any_vm',
      locks.flatMap(([lock, row]) => ('anyVm' in row ? [[lock, row.anyVm] as const] : [])),
    ),
    '',
    '# A lock that `qm start` takes away by itself: no obstacle, and never a reason for `qm unlock`.',
    table(
      'lock_start_resumes',
      locks.flatMap(([lock, row]) => ('startResumes' in row ? [[lock, 'yes'] as const] : [])),
    ),
  ].join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  writeFileSync(VM_STATES_BASH, vmStatesBash());
