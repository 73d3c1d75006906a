// A syslog receiver (server/audit/receiver.fixture.ts) that a test starts, kills and starts again on the same port and file.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { until } from './wait-for.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../../server/audit/receiver.fixture.ts');

export interface SyslogReceiver {
  readonly port: number;
  start(): Promise<void>;
  /** Sends a signal: SIGKILL ends it as a crash does, SIGSTOP makes it hang. */
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** What was written down, message by message, over all its lives. */
  messages(): string[];
  /** The JSON of each record, whose messages have been put together; each as often as it came, in the order in which it came. */
  records(): { id: number; key: string; event: string; text?: string }[];
}

export async function syslogReceiver(
  dir: string,
  tls?: { readonly cert: string; readonly key: string },
): Promise<SyslogReceiver> {
  const port = await freePort();
  const file = path.join(dir, 'received.log');
  let child: ChildProcess | undefined;
  const messages = (): string[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  return {
    port,
    messages,
    async start() {
      const args = [PROGRAM, String(port), file, ...(tls === undefined ? [] : [tls.cert, tls.key])];
      const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      child = started;
      let listening = false;
      started.stdout.once('data', () => {
        listening = true;
      });
      await until('the syslog receiver', () => {
        if (started.exitCode !== null) throw new Error(`the receiver ended with ${started.exitCode}`);
        return listening;
      });
    },
    async signal(name) {
      const current = child;
      if (current === undefined || current.exitCode !== null || current.signalCode !== null) return;
      const gone = new Promise((resolve) => current.once('exit', resolve));
      current.kill(name);
      if (name === 'SIGKILL') await gone;
    },
    records: () => recordsIn(messages()),
  };
}

/** Parts of one record follow each other; a record whose parts did not all come is none. */
function recordsIn(messages: readonly string[]): ReturnType<SyslogReceiver['records']> {
  const records: ReturnType<SyslogReceiver['records']> = [];
  let begun = '';
  for (const message of messages) {
    const {
      part = '',
      parts = '',
      text = '',
    } = / part="(?<part>\d+)\/(?<parts>\d+)"[^\]]*\] (?<text>.*)$/.exec(message)?.groups ?? {};
    begun = part === '1' ? text : begun + text;
    if (part === parts) records.push(JSON.parse(begun));
  }
  return records;
}
