// Cuts the SSH connection at random moments of a cycle of the simulated VM, through a real sshd. CI runs a slice, the bench more.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { markedProcesses } from '../../../lab/power-host/leftovers.ts';
import { type SshdWithClient, startSshdWithClient } from '../../../test/support/sshd-with-client.ts';
import { until } from '../../../test/support/wait-for.ts';
import { mulberry32 } from './fuzz-words.ts';
import { FORCED_COMMAND, temporaryRecordingRoot } from './recording-root.ts';

export interface CutReport {
  readonly cuts: number;
  /** The connection died before anything was begun: the VM is as it was. */
  untouched: number;
  /** The cycle ran to its end behind the dead connection. */
  completed: number;
  /** The VM was not running afterwards, or stopped without being started, or a lock stayed. Must be none. */
  halfDone: number;
  /** Of each of those, for whoever looks into it. */
  readonly details: string[];
}

/** Of the limits and pauses: a cycle then takes about a second and a half with its connection. */
const SCALE_PERCENT = 20;
const LATEST_CUT_MS = 1700;

export async function cutCycles(cuts: number, seed: number): Promise<CutReport> {
  const random = mulberry32(seed);
  const report: CutReport = { cuts, untouched: 0, completed: 0, halfDone: 0, details: [] };
  const host = temporaryRecordingRoot();
  mkdirSync(path.join(host.dir, 'etc/breakglass'));
  writeFileSync(path.join(host.dir, 'etc/breakglass/time-scale'), `${SCALE_PERCENT}\n`);
  const sshd = await startSshdWithClient({ forcedCommand: `${FORCED_COMMAND} --root ${host.dir} 102` });
  // Of the connection that is reused.
  const ours = sshd.connections().length;
  try {
    for (let cut = 0; cut < cuts; cut += 1) {
      const before = { boot: host.machine.boot().number, calls: host.qmCalls().length };
      const client = execa('ssh', ['-o', 'ControlPath=none', ...sshd.sshArguments, 'cycle'], {
        reject: false,
        stdin: 'ignore',
      });
      const cutMs = random() * LATEST_CUT_MS;
      await sleep(cutMs);
      client.kill('SIGKILL');
      await client;
      await untilQuiet(host.dir, sshd, ours);
      const calls = host.qmCalls().slice(before.calls);
      const asked = (word: string): number => calls.filter(([first]) => first === word).length;
      const boots = host.machine.boot().number - before.boot;
      const answer = await sshd.ssh('status');
      const whole = host.machine.status() === 'running' && !/^busy:/m.test(answer.stdout);
      if (whole && asked('stop') === 1 && asked('start') === 1 && boots === 1) report.completed += 1;
      else if (whole && asked('stop') === 0 && asked('start') === 0 && boots === 0) report.untouched += 1;
      else {
        report.halfDone += 1;
        report.details.push(
          `cut at ${Math.round(cutMs)} ms: ${boots} boots; ${calls.join(' | ')}\n${answer.stdout}${readLog(host.dir)}`,
        );
      }
    }
  } finally {
    await sshd.close();
    await host.close();
  }
  return report;
}

/** Two looks, because a process that has just been started carries no mark yet. */
const LOOKS = 2;

/** The server has done with the cut connection, so it starts no command any more; and nothing of the host runs. */
async function untilQuiet(dir: string, sshd: SshdWithClient, connections: number): Promise<void> {
  await until('the end of the cut connection', () => sshd.connections().length <= connections);
  let quiet = 0;
  await until('the end of the cycle', () => {
    quiet = markedProcesses(dir).length === 0 ? quiet + 1 : 0;
    return quiet >= LOOKS;
  });
}

/** Its last lines. */
const readLog = (dir: string): string =>
  readFileSync(path.join(dir, 'log/breakglass-pve.log'), 'utf8').split('\n').slice(-6).join('\n');
