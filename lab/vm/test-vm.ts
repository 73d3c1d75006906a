// For the tests: a VM with a tiny machine of its own, entered with the real OpenSSH client.
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from '../../test/support/wait-for.ts';
import type { Boot, Machine, MachineFault } from '../machine/machine.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { startVm, type Vm } from './start.ts';

/** The machine's interface over plain fields: what happens to it is told at once. */
class SmallMachine implements Machine {
  readonly dir = '/nowhere';
  readonly #seed: Scenario['machine'];
  readonly #listeners = new Set<() => void>();
  #status: 'running' | 'stopped';
  #fault: MachineFault;
  #config: Readonly<Record<string, string>>;
  #boots = 1;

  constructor(seed: Scenario['machine']) {
    this.#seed = seed;
    this.#status = seed.status;
    this.#fault = seed.fault;
    this.#config = seed.config;
  }
  status = () => this.#status;
  fault = () => this.#fault;
  config = () => this.#config;
  boot = (): Boot => ({ number: this.#boots, atMs: Date.now(), cause: 'start' });
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
  stop(): void {
    this.#status = 'stopped';
    this.#fault = 'none';
    this.#changed();
  }
  start(): void {
    this.#status = 'running';
    this.#config = { ...this.#config, ...this.#seed.pending };
    this.reset();
  }
  reset(): void {
    this.#boots += 1;
    this.#changed();
  }
  stall(): void {
    this.#fault = 'block-stall';
    this.#changed();
  }
}

export interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A client that runs. */
export interface Client {
  readonly process: ChildProcessWithoutNullStreams;
  ended(): Promise<Answer>;
  /** Resolves once it has printed this, on either stream; refuses when it ends without. */
  heard(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface TestVm {
  readonly vm: Vm;
  readonly machine: SmallMachine;
  readonly options: readonly string[];
  open(command: string, user?: string, input?: string): Client;
  ssh(command: string, options?: { user?: string; input?: string }): Promise<Answer>;
  close(): Promise<void>;
}

export const ACCOUNTS = { repair: 'breakglass', observer: 'breakglass-observer' } as const;

export const runClient = (args: readonly string[], input = ''): Client => {
  const process = spawn('ssh', args);
  const said = { stdout: '', stderr: '' };
  const all = { text: '' };
  const changed = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const)
    process[stream].on('data', (data: Buffer) => {
      said[stream] += data.toString();
      all.text += data.toString();
      for (const look of changed) look();
    });
  const closed = new Promise<Answer>((resolve) => {
    process.once('close', (code) => resolve({ code, out: said.stdout, err: said.stderr }));
  });
  process.stdin.on('error', () => {}); // It may have ended before it read.
  process.stdin.end(input);
  const heard = (pattern: RegExp): Promise<RegExpExecArray> => {
    const found = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(all.text);
      if (match) found.resolve(match);
    };
    changed.add(look);
    look();
    void closed.then(() => found.reject(new Error(`it ended without ${pattern}: ${all.text}`)));
    return within(`${pattern} from ${args.at(-1)}`, found.promise);
  };
  return { process, ended: () => within(`the end of ${args.at(-1)}`, closed), heard };
};

export const startTestVm = async (scenario: Scenario, booting = async () => {}): Promise<TestVm> => {
  const dir = mkdtempSync(join(tmpdir(), 'breakglass-vm-'));
  for (const name of ['id', 'host'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)]);
  const machine = new SmallMachine(scenario.machine);
  const vm = await startVm({
    machine,
    scenario: scenario.guest,
    accounts: ACCOUNTS,
    booting,
    inputIdleMs: 120_000, // These clients end their input, sooner or later.
    publicKey: readFileSync(join(dir, 'id.pub'), 'utf8'),
    hostKey: readFileSync(join(dir, 'host'), 'utf8'),
  });
  const settings =
    'IdentitiesOnly BatchMode LogLevel=ERROR StrictHostKeyChecking=no UserKnownHostsFile=/dev/null';
  const options = settings.split(' ').flatMap((each) => ['-o', each.includes('=') ? each : `${each}=yes`]);
  const to = ['-F', 'none', '-T', '-p', String(vm.port), '-i', join(dir, 'id'), ...options];
  const open: TestVm['open'] = (command, user = ACCOUNTS.repair, input = '') =>
    runClient([...to, '-l', user, '127.0.0.1', '--', command], input);
  let closing: Promise<void> | undefined;
  return {
    vm,
    machine,
    options: to,
    open,
    ssh: (command, { user, input } = {}) => open(command, user, input).ended(),
    close: () => {
      closing ??= vm.close().then(() => rmSync(dir, { recursive: true, force: true }));
      return closing;
    },
  };
};
