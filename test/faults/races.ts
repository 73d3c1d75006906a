// Many people press at once: requests through the console and straight to the power host, as from a second console. What
// `qm` itself saw decides: two changes in flight at the same time, or not.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type House, startHouse } from '../support/house.ts';

export interface RaceReport {
  readonly rounds: number;
  readonly requests: number;
  readonly accepted: number;
  readonly refused: number;
  /** The answers that were neither a success nor a refusal which says who started which verb and when. */
  readonly unexplained: readonly string[];
  /** Moments at which `qm` was changing the VM twice. */
  readonly overlaps: number;
}

/** How many requests of a round go straight to the host. */
const DIRECT = 5;

export async function raceSeries(rounds: number, perRound: number): Promise<RaceReport> {
  const house = await startHouse({ scenario: 'disk-full' });
  const report = { rounds, requests: 0, accepted: 0, refused: 0, unexplained: [] as string[], overlaps: 0 };
  try {
    const log = recordChanges(house.machine.dir);
    // Stopped, so that a `stop` is all of lock, forensics and qm, and takes half a second.
    await house.call('POST', '/api/pve/stop');
    for (let round = 0; round < rounds; round++) {
      const answers = await Promise.all(
        Array.from({ length: perRound }, (_, index) =>
          index < DIRECT ? direct(house.hostPort, house.keyPath) : throughConsole(house),
        ),
      );
      report.requests += answers.length;
      report.accepted += answers.filter((answer) => answer === 'accepted').length;
      report.refused += answers.filter((answer) => answer === 'refused').length;
      report.unexplained.push(...answers.filter((answer) => answer !== 'accepted' && answer !== 'refused'));
    }
    report.overlaps = overlaps(log);
  } finally {
    await house.close();
  }
  return report;
}

/** `accepted`, `refused`, or what was said instead. */
type Answer = string;

async function throughConsole(house: House): Promise<Answer> {
  const answer = await house.call('POST', '/api/pve/stop');
  const body = (await answer.json()) as { exit_code: number | null; rejected: boolean; stderr: string };
  if (answer.status === 200 && body.exit_code === 0) return 'accepted';
  return answer.status === 409 && body.rejected && /stop by \S+/.test(body.stderr)
    ? 'refused'
    : `console: ${answer.status} ${JSON.stringify(body)}`;
}

function direct(port: number, keyPath: string): Promise<Answer> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
  ].flatMap((option) => ['-o', option]);
  return new Promise((resolve) => {
    execFile(
      'ssh',
      ['-F', 'none', '-i', keyPath, '-p', String(port), ...options, 'root@127.0.0.1', '--', 'stop'],
      (error, _stdout, stderr) => {
        if (error === null) resolve('accepted');
        else
          resolve(
            error.code === 75 && /busy: stop by \S+ since/.test(stderr)
              ? 'refused'
              : `host: ${error.code} ${stderr}`,
          );
      },
    );
  });
}

/** Puts a recorder in front of `qm`: one line when it begins to change something, one when it has. */
function recordChanges(dir: string): string {
  const qm = path.join(dir, 'bin/qm');
  const log = path.join(dir, 'changes.log');
  if (!existsSync(`${qm}.real`)) renameSync(qm, `${qm}.real`);
  writeFileSync(
    qm,
    `#!/bin/bash
case $1 in stop | start | reset) ;; *) exec "$0.real" "$@" ;; esac
printf 'begin\\n' >>'${log}'
sleep 0.05
"$0.real" "$@"
code=$?
printf 'end\\n' >>'${log}'
exit $code
`,
    { mode: 0o755 },
  );
  return log;
}

function overlaps(log: string): number {
  let depth = 0;
  let twice = 0;
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (line === 'begin' && ++depth > 1) twice++;
    if (line === 'end') depth--;
  }
  return twice;
}
