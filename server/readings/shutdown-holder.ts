// A Shutdown that somebody pressed in Proxmox holds the VM's lock for its whole timeout. Pure.
import { parseTask } from '../../protocol/vm-states.ts';
import type { StatusAnswer } from '../power-host/run-verb.ts';

/** Whose it is (`root@pam`); undefined where none holds the lock, or the host did not say. */
export function shutdownBy(answer: StatusAnswer | undefined): string | undefined {
  const task = parseTask(answer?.status?.holder ?? '');
  return task?.type === 'qmshutdown' ? task.user : undefined;
}
