// What a call of the power host's script costs the host, this version beside 0.1.0 on the same simulated machine in the same run: CPU
// of the script and all its children, and how often it starts `qm`. The lab's qm is a few milliseconds of bash; a real one costs
// what was measured on a Proxmox VE 9.2 host with two busy cores, so its starts are counted and priced.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { FORCED_COMMAND, temporaryRecordingRoot } from '../host/test/support/recording-root.ts';

/** Seconds of CPU of one start of the real qm. */
export const REAL_QM_S = 1.2;

const OLD = path.resolve(import.meta.dirname, '../host/test/recorded/host-0.1.0.tar.gz');

export interface Cost {
  /** Seconds of a call, the lab's qm included. */
  readonly cpuS: number;
  readonly qmStarts: number;
}

export interface Comparison {
  readonly old: Cost;
  readonly now: Cost;
  /** Seconds of a bare bash, in the same run: the unit of the ratios. */
  readonly bashS: number;
}

/** One word, `calls` times with each version. */
export async function compareVersions(word: string, calls: number): Promise<Comparison> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'bg-bench-'));
  execFileSync('tar', ['-xzf', OLD, '-C', scratch]);
  const host = temporaryRecordingRoot();
  try {
    const measure = async (script: string): Promise<Cost> => {
      const before = host.qmCalls().length;
      const call = `SSH_ORIGINAL_COMMAND=${word} SSH_CONNECTION='10.0.0.5 1 10.0.0.9 22' '${script}' --root '${host.dir}' 102`;
      const cpuS = await cpuOf(call, calls);
      return { cpuS, qmStarts: (host.qmCalls().length - before) / calls };
    };
    const old = await measure(path.join(scratch, 'host-0.1.0/breakglass-pve'));
    const now = await measure(FORCED_COMMAND);
    return { old, now, bashS: await cpuOf('bash -c :', 100) };
  } finally {
    await host.close();
    rmSync(scratch, { recursive: true });
  }
}

/** Seconds of CPU of a shell line, its children included. */
async function cpuOf(line: string, runs: number): Promise<number> {
  const script = `for ((n = 0; n < ${runs}; n++)); do ${line}; done >/dev/null 2>&1; times`;
  const { stdout } = await execa('bash', ['-c', script], { stdin: 'ignore' });
  // `times`: the shell's own line, then that of its children, each `0m1.234s 0m0.567s`.
  const parts = [...(stdout.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  const seconds = parts.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
  return seconds / runs;
}

/** Rows of a table: figure, 0.1.0, now. */
export function costRows({ old, now, bashS }: Comparison): string {
  const rows: readonly (readonly [string, (cost: Cost) => number, number])[] = [
    ['CPU of the script, ms', ({ cpuS }) => cpuS * 1_000, 1],
    ['the same, in starts of a bare bash', ({ cpuS }) => cpuS / bashS, 1],
    ['starts of qm', ({ qmStarts }) => qmStarts, 1],
    [`CPU with a real qm (${REAL_QM_S} s each), s`, ({ cpuS, qmStarts }) => cpuS + qmStarts * REAL_QM_S, 3],
  ];
  return rows
    .map(
      ([name, value, digits]) =>
        `| ${name} | ${value(old).toFixed(digits)} | ${value(now).toFixed(digits)} |`,
    )
    .join('\n');
}
