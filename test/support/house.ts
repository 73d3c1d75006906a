// A console with its lab around it, for tests that kill, restart and look from outside: the lab's power host, VM and a model
// live in this process, the console is the real server/main.ts as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { labKeys } from '../../lab/keys.ts';
import { createMachine, injectFault, type Machine } from '../../lab/machine/machine.ts';
import { startRehearsalModel } from '../../lab/model/rehearsal.ts';
import { prepareHostRoot } from '../../lab/power-host/host-root.ts';
import { endMarkedProcesses } from '../../lab/power-host/leftovers.ts';
import { startPowerHost } from '../../lab/power-host/power-host.ts';
import { findScenario } from '../../lab/scenarios/catalog.ts';
import type { Scenario } from '../../lab/scenarios/scenario.ts';
import { startVm } from '../../lab/vm/start.ts';
import { startSshd } from './sshd.ts';

const MAIN = path.resolve(import.meta.dirname, '../../server/main.ts');
export const TOKEN = 'house-token-0123456789abcdef';
export const AUTH = { authorization: `Bearer ${TOKEN}` };

export interface House {
  readonly base: string;
  readonly dataDir: string;
  readonly machine: Machine;
  readonly hostPort: number;
  readonly vmPort: number;
  readonly keyPath: string;
  /** The block path of the VM's QEMU process stalls from now on. */
  stall(): void;
  /** The console's process. */
  pid(): number;
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. -> milliseconds until /health answered. */
  start(): Promise<number>;
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  newSession(): Promise<string>;
  /** What the console wrote to its output, for messages of failed tests. */
  log(): string;
  close(): Promise<void>;
}

export interface HouseOptions {
  readonly scenario?: string | Scenario;
  /** A Messages endpoint; by default the rehearsal model. */
  readonly modelUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `sshd`: a real OpenSSH server with the forced command in front of the lab's host, as a deployment has it. */
  readonly powerHost?: 'lab' | 'sshd';
}

const FORCED_COMMAND = path.resolve(import.meta.dirname, '../../host/breakglass-pve');

export async function startHouse(options: HouseOptions = {}): Promise<House> {
  const scenario =
    typeof options.scenario === 'object' ? options.scenario : findScenario(options.scenario ?? 'disk-full');
  if (scenario === undefined) throw new Error('no such scenario');
  const dir = mkdtempSync(path.join(tmpdir(), 'bg-house-'));
  const dataDir = path.join(dir, 'data');
  const hostRoot = path.join(dir, 'power-host');
  const machine = createMachine(hostRoot, scenario.machine);
  const { vmid } = scenario.machine;
  const sshd =
    options.powerHost === 'sshd'
      ? await startSshd({ forcedCommand: `${FORCED_COMMAND} --root ${hostRoot} ${vmid}` })
      : undefined;
  const keys = labKeys(path.join(dir, 'keys'), sshd?.keyPath);
  prepareHostRoot(hostRoot);
  const powerHost =
    sshd === undefined
      ? await startPowerHost({
          dir: hostRoot,
          vmid,
          publicKey: keys.clientPublic,
          hostKey: keys.powerHostKey,
        })
      : {
          port: sshd.port,
          close: async () => {
            await sshd.stop();
            await endMarkedProcesses(hostRoot);
          },
        };
  const vm = await startVm({
    machine,
    scenario: scenario.guest,
    accounts: { repair: 'breakglass', observer: 'breakglass-observer' },
    publicKey: keys.clientPublic,
    hostKey: keys.vmKey,
  });
  const model = options.modelUrl === undefined ? await startRehearsalModel() : undefined;
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    BREAKGLASS_DEVVM_HOST: '127.0.0.1',
    BREAKGLASS_DEVVM_PORT: String(vm.port),
    BREAKGLASS_DEVVM_OBSERVER_USER: 'breakglass-observer',
    BREAKGLASS_PVE_HOST: '127.0.0.1',
    BREAKGLASS_PVE_PORT: String(powerHost.port),
    BREAKGLASS_PVE_USER: sshd?.user ?? 'root',
    BREAKGLASS_KEY_PATH: keys.clientKeyPath,
    BREAKGLASS_PORT: String(port),
    BREAKGLASS_DATA_DIR: dataDir,
    BREAKGLASS_SESSIONS_DIR: path.join(dir, 'sessions'),
    BREAKGLASS_POLICY: 'autonomous',
    API_BEARER_TOKEN: TOKEN,
    ANTHROPIC_BASE_URL: options.modelUrl ?? model?.url ?? '',
    ANTHROPIC_API_KEY: 'test-key-needs-no-value',
    ...options.env,
  };

  let child: ChildProcess | undefined;
  let log = '';
  const house: House = {
    base,
    dataDir,
    machine,
    hostPort: powerHost.port,
    vmPort: vm.port,
    keyPath: keys.clientKeyPath,
    stall: () => injectFault(hostRoot, 'block-stall'),
    pid: () => child?.pid ?? 0,
    log: () => log,
    async start() {
      const from = performance.now();
      child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (data: Buffer) => {
          log = (log + data.toString()).slice(-200_000);
        });
      while (
        !(await fetch(`${base}/health`).then(
          (answer) => answer.ok,
          () => false,
        ))
      ) {
        if (child.exitCode !== null)
          throw new Error(`the console ended with exit ${child.exitCode}:\n${log}`);
        await sleep(10);
      }
      return performance.now() - from;
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    call: (method, url, body, headers = AUTH) =>
      fetch(base + url, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    newSession: async () =>
      ((await (await house.call('POST', '/api/session')).json()) as { session_id: string }).session_id,
    async close() {
      if (child?.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child?.once('exit', resolve));
        child.kill('SIGTERM');
        const timer = setTimeout(() => child?.kill('SIGKILL'), 12_000);
        await gone;
        clearTimeout(timer);
      }
      await Promise.allSettled([model?.close(), vm.close(), powerHost.close()]);
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };
  try {
    await house.start();
  } catch (error) {
    await house.close();
    throw error;
  }
  return house;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
