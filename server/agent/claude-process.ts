// One Claude Code process: starting it, talking to it, interrupting it, ending it. Its messages are read one by one, without
// `for await`, because leaving such a loop would close the process; each goes to whoever listens at that moment.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Options,
  type Query,
  query,
  type SDKMessage,
  type SDKUserMessage,
} from '@anthropic-ai/claude-agent-sdk';
import type { Logger } from 'pino';
import { explainTrouble, type ModelEndpoint, type ModelTrouble } from './trouble.ts';

/** How a process ended, in words for a person. */
export interface ProcessEnd {
  readonly how: string;
  /** Claude Code does not know the conversation that it should resume, or cannot read it. */
  readonly resumeFailed: boolean;
}

/** Between a polite close and SIGKILL. */
const CLOSE_GRACE_MS = 1_500;
/** SIGKILL works at once, except on a process in state D. Such a process is left behind, and a later start ends it. */
const KILL_WAIT_MS = 2_000;
/** For one small request, of a process that may just be starting on a machine with other work. */
const SWITCH_LIMIT_MS = 15_000;
const STDERR_KEPT = 2_000;
/** What Claude Code says when the conversation is missing or unreadable, or when its id is taken. */
const RESUME_FAILED = /No conversation found|Session ID \S+ is already in use|Failed to resume/i;

/** The kernel takes it before the server when memory is short (proc(5); any process may raise its own). */
const OOM_SCORE_ADJ = 800;
/** The server, and with it the power path, has the processor first. */
const NICE = 10;

export class ClaudeProcess {
  readonly ended: Promise<ProcessEnd>;
  /** Resolves when the kernel says that it is gone, which `kill` does not wait for without end. */
  readonly gone: Promise<void>;
  readonly #query: Query;
  readonly #logger: Logger;
  readonly #prompts: SDKUserMessage[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #child: ChildProcess | undefined;
  #stderr = '';
  #isOver = false;
  #killedBecause: string | undefined;
  /** Gets every message. The next one is read after its promise has resolved. */
  listener: ((message: SDKMessage) => Promise<void>) | undefined;

  constructor(
    options: Options,
    user: { readonly uid: number; readonly gid: number } | undefined,
    logger: Logger,
  ) {
    this.#logger = logger;
    const gone = Promise.withResolvers<void>();
    this.gone = gone.promise;
    this.#query = query({
      prompt: this.#input(),
      options: {
        ...options,
        stderr: (text) => this.#drain(text),
        spawnClaudeCodeProcess: ({ command, args, cwd, env }) => {
          // In a process group of its own, so that Ctrl-C in the server's terminal reaches it only when the server decides so.
          const child = spawn(command, args, {
            cwd,
            env,
            stdio: ['pipe', 'pipe', 'pipe'],
            detached: true,
            // Node also drops the groups of the server then.
            ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
          });
          this.#child = child;
          child.once('exit', () => gone.resolve()).once('error', () => child.pid ?? gone.resolve());
          yieldToServer(child.pid, logger);
          child.stderr.setEncoding('utf8').on('data', (text: string) => this.#drain(text));
          child.stdin.on('error', () => undefined); // It died, which its exit reports.
          return child;
        },
      },
    });
    this.ended = this.#read();
    // Where nothing was spawned, nothing has to go.
    void this.ended.then(() => this.#child ?? gone.resolve());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Only between turns: Claude Code would make a prompt that comes during a turn part of that turn. */
  push(prompt: string): void {
    this.#prompts.push({
      type: 'user',
      message: { role: 'user', content: prompt },
      parent_tool_use_id: null,
    });
    this.#wake?.();
  }

  /** Resolves when Claude Code has confirmed it; the turn's result follows. It may never resolve, so the caller needs a limit. */
  async interrupt(): Promise<void> {
    await this.#query.interrupt();
  }

  /**
   * For a prompt that names a model. Claude Code asks the API about a name that it does not know, so this can fail or hang
   * like any other request. Undefined means success. A process that does not answer in time is killed; the next prompt resumes
   * the conversation.
   */
  async switchModel(model: string, endpoint: ModelEndpoint): Promise<ModelTrouble | undefined> {
    const limit = new AbortController();
    const failure = await Promise.race([
      this.#query.setModel(model).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      ),
      sleep(SWITCH_LIMIT_MS, 'timeout', { signal: limit.signal }).catch(() => 'timeout'),
    ]);
    limit.abort();
    if (failure === undefined) return undefined;
    const status = /API error: (\d{3})/.exec(failure)?.[1];
    const trouble = explainTrouble(
      {
        kind: /not found/i.test(failure) ? 'model_not_found' : undefined,
        status: status === undefined ? undefined : Number(status),
        text: failure,
        model,
      },
      endpoint,
    );
    if (failure === 'timeout') await this.kill();
    return trouble;
  }

  /** Asks it to end, and kills it if it does not. Resolves when it is gone. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#wake?.();
      this.#query.close();
    }
    await within(CLOSE_GRACE_MS, this.#exited());
    await this.kill();
  }

  /** Kills it and everything that it started. Resolves when it is gone, or when SIGKILL did not help. `because`: for `ended`. */
  async kill(because?: string): Promise<void> {
    this.#killedBecause ??= because;
    const pid = this.#child?.pid;
    if (pid !== undefined && this.#child?.exitCode === null && this.#child.signalCode === null) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        this.#child.kill('SIGKILL');
      }
      await within(KILL_WAIT_MS, this.#exited());
    }
    if (!this.#closed) {
      this.#closed = true;
      this.#wake?.();
      this.#query.close();
    }
    await within(KILL_WAIT_MS, this.ended);
  }

  #exited(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  async *#input(): AsyncGenerator<SDKUserMessage> {
    while (!this.#closed) {
      const next = this.#prompts.shift();
      if (next !== undefined) yield next;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  async #read(): Promise<ProcessEnd> {
    let how = 'it closed its output';
    let said = '';
    try {
      for (;;) {
        const next = await this.#query.next();
        if (next.done === true) break;
        const message = next.value;
        // A failed resume is reported as the result of a turn that never began. The listener must not see it.
        if (
          message.type === 'result' &&
          message.subtype === 'error_during_execution' &&
          message.num_turns === 0
        ) {
          said = message.errors.join(' ');
          if (RESUME_FAILED.test(said)) continue;
        }
        if (this.listener !== undefined) await this.listener(message);
        else this.#logger.debug({ type: message.type }, 'message from the agent between turns');
      }
    } catch (error) {
      how = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    }
    this.#isOver = true;
    const { signalCode, exitCode } = this.#child ?? {};
    if (signalCode !== null && signalCode !== undefined) how = `killed by ${signalCode}`;
    else if (exitCode !== null && exitCode !== undefined && exitCode !== 0) how = `exit code ${exitCode}`;
    if (this.#killedBecause !== undefined) how = this.#killedBecause;
    const resumeFailed = RESUME_FAILED.test(`${said} ${this.#stderr}`);
    return { how, resumeFailed };
  }

  #drain(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    this.#logger.debug({ stderr: text.slice(0, STDERR_KEPT) }, 'agent stderr');
  }
}

function yieldToServer(pid: number | undefined, logger: Logger): void {
  if (pid === undefined) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(OOM_SCORE_ADJ));
    setPriority(pid, NICE);
    yieldAsSession(pid);
  } catch (error) {
    logger.warn({ err: error, pid }, 'the priority of an agent process could not be lowered');
  }
}

/**
 * The kernel shares the processor among sessions of processes first, and being nice counts only within one: sched(7), autogroup. The process
 * has a session of its own.
 */
function yieldAsSession(pid: number): void {
  const group = `/proc/${pid}/autogroup`;
  // A kernel without it, or (where the session is not its own) ours.
  if (!existsSync(group) || readFileSync(group, 'utf8') === readFileSync('/proc/self/autogroup', 'utf8'))
    return;
  writeFileSync(group, String(NICE));
}

async function within(limitMs: number, what: Promise<unknown>): Promise<void> {
  const limit = new AbortController();
  await Promise.race([what, sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined)]);
  limit.abort();
}
