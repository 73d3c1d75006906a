// The console as a process of its own: the real server, in front of the power host and the VM that the test names.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { compileCache } from './compile-cache.ts';
import { checkAnswer } from './contract.ts';
import { favourAgents } from './favour-agents.ts';
import { freePort } from './free-port.ts';
import { BUNDLE_ENTRY, isJustBuilt } from './just-built.ts';
import { until, within } from './wait-for.ts';

export const SOURCES = [path.resolve(import.meta.dirname, '../../server/main.ts')];
/** What `npm start` runs. */
export const BUNDLE = ['--max-semi-space-size=2', BUNDLE_ENTRY, 'serve'];
export const TOKEN = 'house-token-0123456789abcdef';
export const AUTH = { authorization: `Bearer ${TOKEN}` };

export interface ConsoleOptions {
  /** Its home directory, which also contains its data. */
  readonly dir: string;
  readonly hostPort: number;
  readonly hostUser: string;
  readonly vmPort: number;
  readonly keyPath: string;
  readonly modelUrl: string;
  /** Describes the targets instead of the addresses above. */
  readonly targetsFile?: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What Node is given; by default the bundle when `npm test` has just built it, else the sources. */
  readonly program?: readonly string[];
  /** Starts it in another way, with this environment. */
  readonly launch?: ((env: Readonly<Record<string, string>>) => ChildProcess) | undefined;
}

export interface Console {
  readonly base: string;
  readonly dataDir: string;
  readonly hostPort: number;
  readonly vmPort: number;
  readonly keyPath: string;
  /** The console's process. */
  pid(): number;
  /** Sends SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it, also again on the same data and port. Resolves with the milliseconds until /health answered. */
  start(): Promise<number>;
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  newSession(): Promise<string>;
  /** What the console printed, for the messages of failed tests. */
  log(): string;
  close(): Promise<void>;
}

/** Makes a console that is not started yet. */
export async function makeConsole(options: ConsoleOptions): Promise<Console> {
  const { dir, hostPort, vmPort, keyPath } = options;
  const dataDir = path.join(dir, 'data');
  const program = options.program ?? (isJustBuilt ? BUNDLE : SOURCES);
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: dir,
    ...(program === SOURCES ? compileCache() : {}),
    ...(options.targetsFile === undefined
      ? {
          BREAKGLASS_DEVVM_HOST: '127.0.0.1',
          BREAKGLASS_DEVVM_PORT: String(vmPort),
          BREAKGLASS_DEVVM_OBSERVER_USER: 'breakglass-observer',
          BREAKGLASS_PVE_HOST: '127.0.0.1',
          BREAKGLASS_PVE_PORT: String(hostPort),
          BREAKGLASS_PVE_USER: options.hostUser,
        }
      : { BREAKGLASS_CONFIG: options.targetsFile }),
    BREAKGLASS_KEY_PATH: keyPath,
    BREAKGLASS_PORT: String(port),
    BREAKGLASS_DATA_DIR: dataDir,
    BREAKGLASS_SESSIONS_DIR: path.join(dir, 'sessions'),
    BREAKGLASS_POLICY: 'autonomous',
    API_BEARER_TOKEN: TOKEN,
    ANTHROPIC_BASE_URL: options.modelUrl,
    ANTHROPIC_API_KEY: 'test-key-needs-no-value',
    ...options.env,
  };
  let child: ChildProcess | undefined;
  let favoured: ReturnType<typeof favourAgents> | undefined;
  let log = '';
  const call: Console['call'] = async (method, url, body, headers = AUTH) => {
    const answer = await fetch(base + url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    await checkAnswer(method, url, answer);
    return answer;
  };
  return {
    base,
    dataDir,
    hostPort,
    vmPort,
    keyPath,
    call,
    pid: () => child?.pid ?? 0,
    log: () => log,
    async start() {
      const from = performance.now();
      child =
        options.launch?.(env) ?? spawn(process.execPath, program, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      favoured ??= favourAgents(() => child?.pid);
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (data: Buffer) => {
          log = (log + data.toString()).slice(-200_000);
        });
      await until('/health of the console', () => {
        if (child?.exitCode !== null || child.signalCode !== null)
          throw new Error(
            `the console ended with ${child?.signalCode ?? `exit ${child?.exitCode}`}:\n${log}`,
          );
        return fetch(`${base}/health`).then(
          (answer) => answer.ok,
          () => false,
        );
      });
      return performance.now() - from;
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    newSession: async () =>
      ((await (await call('POST', '/api/session')).json()) as { session_id: string }).session_id,
    async close() {
      favoured?.end();
      if (child?.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGTERM');
      await within('the end of the console after SIGTERM', gone).catch((error: unknown) => {
        child?.kill('SIGKILL');
        throw error;
      });
    },
  };
}
