// For the tests: a VM with a tiny machine of its own, entered with the real OpenSSH client.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Boot, Machine, MachineFault } from '../machine/machine.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { startVm, type Vm } from './start.ts';

/** The machine's interface over plain fields. */
class SmallMachine implements Machine {
  readonly dir = '/nowhere';
  #status: 'running' | 'stopped';
  #fault: MachineFault;
  #boot: Boot = { number: 1, atMs: Date.now(), cause: 'start' };
  #config: Record<string, string>;
  readonly #pending: Readonly<Record<string, string>>;
  readonly #listeners = new Set<() => void>();

  constructor({ machine }: Scenario) {
    this.#status = machine.status;
    this.#fault = machine.fault;
    this.#config = { ...machine.config };
    this.#pending = machine.pending;
  }
  status(): 'running' | 'stopped' {
    return this.#status;
  }
  boot(): Boot {
    return this.#boot;
  }
  fault(): MachineFault {
    return this.#fault;
  }
  config(): Readonly<Record<string, string>> {
    return this.#config;
  }
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
    this.#config = { ...this.#config, ...this.#pending };
    this.#boot = { number: this.#boot.number + 1, atMs: Date.now(), cause: 'start' };
    this.#changed();
  }
  reset(): void {
    this.#boot = { number: this.#boot.number + 1, atMs: Date.now(), cause: 'reset' };
    this.#changed();
  }
  stall(): void {
    this.#fault = 'block-stall';
    this.#changed();
  }
}

export interface Answer {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

export interface TestVm {
  readonly vm: Vm;
  readonly machine: SmallMachine;
  ssh(command: string, options?: { user?: string; input?: string; timeoutMs?: number }): Promise<Answer>;
  /** A running client, for what streams. */
  open(command: string, user?: string): ChildProcessWithoutNullStreams;
  args(command: string, user?: string): string[];
  close(): Promise<void>;
}

export const ACCOUNTS = { repair: 'breakglass', observer: 'breakglass-observer' } as const;

export const startTestVm = async (scenario: Scenario, bootMs = 300): Promise<TestVm> => {
  const dir = await mkdtemp(join(tmpdir(), 'breakglass-vm-'));
  for (const name of ['id', 'host'])
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)]);
  const machine = new SmallMachine(scenario);
  const vm = await startVm({
    machine,
    scenario: scenario.guest,
    accounts: ACCOUNTS,
    bootMs,
    publicKey: await readFile(join(dir, 'id.pub'), 'utf8'),
    hostKey: await readFile(join(dir, 'host'), 'utf8'),
  });
  const args = (command: string, user: string = ACCOUNTS.repair): string[] => [
    '-F',
    'none',
    '-T',
    '-p',
    String(vm.port),
    '-i',
    join(dir, 'id'),
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
    '-o',
    'LogLevel=ERROR',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-l',
    user,
    '127.0.0.1',
    '--',
    command,
  ];
  return {
    vm,
    machine,
    args,
    ssh: async (command, options = {}) => {
      const result = await execa('ssh', args(command, options.user), {
        reject: false,
        stripFinalNewline: false,
        timeout: options.timeoutMs ?? 30_000,
        ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
      });
      return { code: result.exitCode, out: result.stdout, err: result.stderr };
    },
    open: (command, user) => {
      const client = spawn('ssh', args(command, user));
      client.stdin.end();
      return client;
    },
    close: async () => {
      await vm.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
};
