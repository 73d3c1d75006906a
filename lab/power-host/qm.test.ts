// The lab's qm says what Proxmox's said: recorded outputs replayed over the simulated machine, stream by stream. Numbers are not
// compared, nor what is indented (counters of a disk), nor the order in which the kernel mixes two streams.
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMachine, type MachineSeed } from '../machine/machine.ts';
import { prepareHostRoot } from './host-root.ts';

const RECORDED = path.join(import.meta.dirname, 'recorded');

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'breakglass-qm-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

interface Said {
  readonly command: string;
  readonly out: readonly string[];
  readonly err: readonly string[];
  readonly exit: number;
}

const recorded = (name: string): readonly Said[] =>
  readFileSync(path.join(RECORDED, `${name}.txt`), 'utf8')
    .trim()
    .split('\n\n')
    .map((block) => {
      const lines = block.split('\n');
      const stream = (mark: string): readonly string[] =>
        lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(mark.length));
      return {
        command: lines[0]?.replace(/^\$ qm /, '') ?? '',
        out: stream('out: '),
        err: stream('err: '),
        exit: Number(lines.at(-1)?.replace('exit: ', '')),
      };
    });

const qm = async (command: string): Promise<Said> => {
  const { exitCode, stdout, stderr } = await execa(path.join(dir, 'bin/qm'), command.split(' '), {
    reject: false,
  });
  const lines = (text: string): readonly string[] => (text === '' ? [] : text.split('\n'));
  return { command, out: lines(stdout), err: lines(stderr), exit: exitCode ?? -1 };
};

/** Keys, words and order; `cpus: 4` is `cpus: #`. */
const shape = ({ command, out, err, exit }: Said): Said => ({
  command,
  out: out
    .filter((line) => !line.startsWith('\t'))
    .map((line) =>
      command.startsWith('status')
        ? line.replace(/^([a-z-]+): [\d.]+$/, '$1: #').replace(/^(running-[a-z]+): .*/, '$1: #')
        : line,
    ),
  err,
  exit,
});

/** A configuration as the recordings show it, from their \`qm config\` outputs. */
const configOf = (name: string, command = 'config 102 --current 1'): Record<string, string> =>
  Object.fromEntries(
    (recorded(name).find((said) => said.command === command)?.out ?? []).map((line) => {
      const at = line.indexOf(': ');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
const DEVVM = configOf('healthy');

interface Case {
  readonly name: string;
  /** Which of the recorded commands; default all. */
  readonly only?: readonly number[];
  readonly seed?: Partial<MachineSeed>;
  /** Lines of the simulated machine's state beside those of the seed. */
  readonly state?: string;
  readonly before?: () => void;
}

const config = (more: Record<string, string>): Partial<MachineSeed> => ({ config: { ...DEVVM, ...more } });
const stopped = (more: Record<string, string> = {}): Partial<MachineSeed> => ({
  status: 'stopped',
  ...config(more),
});
const { agent: _agent, ...WITHOUT_AGENT } = DEVVM;
const UPID = 'UPID:lab:00006DCD:00069955:6B08F01E:qmshutdown:102:root@pam:';
const ha = (state: string) => () => {
  mkdirSync(path.join(dir, 'etc/pve/ha'), { recursive: true });
  writeFileSync(
    path.join(dir, 'etc/pve/ha/resources.cfg'),
    `vm: 101\n\tstate started\n\nvm: 102\n\tstate ${state}\n`,
  );
};

const CASES: readonly Case[] = [
  { name: 'healthy' },
  // A VM that runs, then is stopped.
  { name: 'stopped' },
  { name: 'stopped-locked', seed: stopped({ lock: 'backup' }) },
  { name: 'lock-backup-running', seed: config({ lock: 'backup' }) },
  { name: 'lock-snapshot', seed: config({ lock: 'snapshot' }) },
  { name: 'locked-running', seed: config({ lock: 'snapshot' }) },
  { name: 'agent-0', seed: config({ agent: '0' }) },
  { name: 'agent-none', seed: { config: WITHOUT_AGENT } },
  { name: 'missing-vm', seed: { vmid: 103 } },
  { name: 'missing-vm-elsewhere', seed: { vmid: 103 } },
  { name: 'no-quorum', only: [0], before: () => chmodSync(path.join(dir, 'etc/pve/local'), 0o500) },
  { name: 'pmxcfs-down', before: () => rmSync(path.join(dir, 'etc/pve'), { recursive: true }) },
  { name: 'paused' },
  { name: 'io-error', state: 'run_state=io-error' },
  { name: 'wedged', state: 'qmp=silent\nqueued=2' },
  { name: 'wedged-fresh', state: 'qmp=silent' },
  // Its first blocks are of a VM that was not stalled yet; then it was wedged.
  { name: 'stall-stop-raw', only: [3], state: 'qmp=silent' },
  {
    name: 'snapshot-pending',
    seed: {
      config: configOf('snapshot-pending'),
      pending: {
        delete: 'onboot',
        description: 'two%0Alines',
        memory: '256',
        net0: 'virtio=BC:24:11:00:00:02,bridge=vmbr0',
      },
    },
  },
  // The third is of a QEMU that could not load the state.
  {
    name: 'suspended',
    only: [0, 1, 3],
    seed: { status: 'stopped', config: configOf('suspended', 'config 102') },
  },
  { name: 'template', seed: stopped({ template: '1' }) },
  { name: 'protection', seed: stopped({ protection: '1' }) },
  {
    name: 'start-no-disk',
    seed: stopped(),
    state: "start_error=volume 'local:102/vm-102-disk-0.raw' does not exist",
  },
  { name: 'ha', only: [0, 1], before: ha('started') },
  { name: 'ha-ignored', before: ha('ignored') },
  {
    name: 'qmshutdown-holds',
    before: () => {
      mkdirSync(path.join(dir, 'proc/28109'));
      writeFileSync(path.join(dir, 'log/pve/tasks/active'), `${UPID} 0\n`);
    },
  },
];

const prepare = ({ seed = {}, state, before }: Omit<Case, 'name'>): void => {
  createMachine(dir, {
    vmid: 102,
    name: 'devvm',
    status: 'running',
    fault: 'none',
    config: DEVVM,
    pending: {},
    ...seed,
  });
  prepareHostRoot(dir);
  if (state !== undefined) appendFileSync(path.join(dir, 'machine/state'), `${state}\n`);
  before?.();
};

test.each(CASES)('as recorded: $name', async ({ name, only, ...rest }) => {
  prepare(rest);
  const wanted = recorded(name).filter((_, at) => only === undefined || only.includes(at));
  expect(wanted.length).toBeGreaterThan(0);
  for (const said of wanted) expect(shape(await qm(said.command))).toEqual(shape(said));
});

test('as recorded: another task holds the lock file', async () => {
  prepare({});
  const lock = path.join(dir, 'lock/qemu-server/lock-102.conf');
  const holder = execa('flock', [lock, 'cat'], { stdin: 'pipe' });
  try {
    await execa('bash', ['-c', 'while flock -n "$0" true; do sleep 0.02; done', lock]);
    const [said] = recorded('flock-task');
    expect(shape(await qm('stop 102'))).toEqual(said);
  } finally {
    holder.stdin.end();
    await holder;
  }
});

test('every recording is replayed, or said why not', () => {
  const names = readdirSync(RECORDED)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.replace('.txt', ''));
  const replayed = new Set([...CASES.map(({ name }) => name), 'flock-task']);
  // stall: the counters of a real stalled disk, which the block tests of lab/power-host compare with themselves.
  expect(names.filter((name) => !replayed.has(name))).toEqual(['stall']);
});

test('in a block stall the counters stand still while QMP answers; else they advance', async () => {
  const written = async (): Promise<number> =>
    Number((await qm('status 102 --verbose')).out.find((line) => line.startsWith('diskwrite: '))?.slice(11));
  prepare({ seed: { fault: 'block-stall' } });
  expect(await written()).toBe(await written());
  rmSync(path.join(dir, 'proc'), { recursive: true });
  prepare({});
  expect(await written()).toBeLessThan(await written());
});

test('a reset of a stalled VM is accepted and wedges its QEMU', async () => {
  prepare({ seed: { fault: 'block-stall' } });
  expect(await qm('reset 102')).toMatchObject({ exit: 0, out: [], err: [] });
  const { out } = await qm('status 102 --verbose');
  expect(out).toContain('status: running');
  expect(out.filter((line) => /^(running-qemu|diskwrite|blockstat)/.test(line))).toEqual([]);
});

test('what qm does not know is refused', async () => {
  prepare({});
  expect((await qm('destroy 102')).exit).toBe(255);
  expect(await qm('stop 102 --no-such-option 1')).toMatchObject({
    exit: 255,
    err: expect.arrayContaining([expect.stringContaining('Unknown option')]),
  });
});
