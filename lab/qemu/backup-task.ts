// A backup that runs: a process in the place of Proxmox's worker, with the VM's lock file in its hands and its line in the list of tasks.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type QemuMachine, VMID } from './qemu-machine.ts';

/** A process that looks like a worker of Proxmox and holds the flock of the VM, listed where breakglass-pve looks. */
export async function startBackupTask(machine: QemuMachine): Promise<void> {
  const lock = path.join(machine.dir, `lock/qemu-server/lock-${VMID}.conf`);
  const active = path.join(machine.dir, 'log/pve/tasks/active');
  mkdirSync(path.dirname(active), { recursive: true });
  // Proxmox's workers are perl, too: the process that asked for the lock is the one that holds it, and names itself.
  // A task's UPID holds its pid, its start time in ticks and in Unix seconds, each in hexadecimal.
  const script = `
    open(my $stat, "<", "/proc/$$/stat") or die;
    my @fields = split ' ', (<$stat> =~ s/^.*\\) //r);
    my $upid = sprintf "UPID:lab:%08X:%08X:%08X:vzdump:%s:root\\@pam:", $$, $fields[19], time, $ARGV[1];
    open(my $active, ">", $ARGV[2]) or die; print {$active} "$upid 0\\n"; close $active;
    open(my $file, ">>", $ARGV[0]) or die; flock($file, 2); $0 = "task $upid"; sleep`;
  const task = spawn('/usr/bin/perl', ['-e', script, lock, String(VMID), active], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: '/usr/bin:/bin', BREAKGLASS_ROOT: machine.dir },
  });
  task.unref();
  const { pid } = task;
  if (pid === undefined) throw new Error('the task did not start');
  const at = (name: string): string => path.join(machine.dir, name);
  writeFileSync(at('machine/task.pid'), String(pid));
  mkdirSync(at('proc'), { recursive: true });
  symlinkSync(`/proc/${pid}`, at(`proc/${pid}`));
  for (let tries = 0; tries < 100; tries += 1) {
    const held = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${pid} `));
    if (held.length > 0) {
      writeFileSync(at('proc/locks'), held.map((line) => `${line}\n`).join(''));
      return;
    }
    await sleep(50);
  }
  throw new Error('the task did not get the lock');
}

export function endBackupTask(machine: QemuMachine): void {
  const at = (name: string): string => path.join(machine.dir, name);
  const pid = Number(readFileSync(at('machine/task.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  rmSync(at(`proc/${pid}`), { force: true });
  writeFileSync(at('proc/locks'), '');
  rmSync(at('log/pve/tasks/active'), { force: true });
}
