// The host's journal: who stopped the VM last. Pure.
import { parseTask } from '../../../protocol/vm-states.ts';

/** Tasks after which a VM is stopped because somebody wanted it so. */
const STOPS = new Set(['qmstop', 'qmshutdown', 'qmsuspend', 'qmdestroy']);
const STARTS = new Set(['qmstart', 'qmreboot', 'qmreset', 'qmresume', 'qmrollback', 'qmrestore']);

/** As far back as the journal reaches; `nobody` where its last word on this VM is no stop. */
export function readStoppedBy(journal: string, vmid: number): string {
  const line = journal.split('\n').findLast((each) => {
    const task = / starting task UPID:/.test(each) ? parseTask(each.slice(0, 2_000)) : undefined;
    return task?.id === String(vmid) && (STOPS.has(task.type) || STARTS.has(task.type));
  });
  const task = line === undefined ? undefined : parseTask(line);
  if (task === undefined || !STOPS.has(task.type)) return 'nobody';
  return `${task.user} (${task.type}, ${new Date(task.startedAt * 1000).toISOString().slice(0, 19)}Z)`;
}
