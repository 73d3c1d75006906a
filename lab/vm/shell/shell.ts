// A shell in a process of its own: one command line, and it is over. All it can reach is the machine, by messages.
import {
  Bash,
  type CommandName,
  defineCommand,
  type ExecResult,
  latin1FromBytes,
  type ResolvedCommandContext,
} from 'just-bash';
import { BUILT_IN, PROGRAM_NAMES } from '../programs/names.ts';
import {
  apart,
  bySize,
  durationMs,
  missing,
  type RunsOthers,
  runBy,
  shellLine,
  withoutFollow,
} from './arguments.ts';
import { Files } from './files.ts';
import { find, withoutXdev } from './find.ts';
import { connect } from './line.ts';
import type { Machine, StartMessage } from './messages.ts';
import { IDLE, idle, NOTHING, refusal, resultOf } from './results.ts';
import { type LAUNCHERS, LIVE, rewrite, TICK, WROTE } from './rewrite.ts';

type Context = ResolvedCommandContext;
type Command = (args: string[], ctx: Context) => Promise<ExecResult>;
/** Runs programs: whether what it runs is exposed. */
type Launch = (args: string[], ctx: Context, exposed: boolean) => Promise<ExecResult>;

interface RunOptions {
  readonly args?: string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly exposed: boolean;
}

/** Ends are made by signals and time limits, not by counting: a real shell may loop for ever. */
const ENDLESS = 2_000_000_000;
/** How long a loop may keep the process from hearing a signal or a clock. */
const LOOK_UP_MS = 20;
const TERM = 15;
const PATH = ['/usr/bin', '/usr/sbin', '/usr/local/bin'];
const textOf = ({ stdin }: Context): string => Buffer.from(latin1FromBytes(stdin), 'latin1').toString();

class Shell {
  readonly #machine: Machine;
  readonly #start: StartMessage;
  readonly #files: Files;
  readonly #bash: Bash;
  /** The innermost of what runs now, and how each is ended. */
  #row: number;
  readonly #ends = new Map<number, AbortController>();
  /** Whether the interpreter's next script is exposed. */
  #next = false;
  #lookedUpAt = 0;

  constructor(machine: Machine, start: StartMessage) {
    this.#machine = machine;
    this.#start = start;
    this.#row = start.pid;
    const commands = new Map(this.#commands());
    this.#files = new Files(machine, start.uid, new Set(commands.keys()));
    this.#bash = new Bash({
      fs: this.#files,
      cwd: start.cwd,
      env: { ...start.env },
      commands: [...BUILT_IN] as CommandName[],
      customCommands: [...commands].map(([name, run]) => defineCommand(name, run)),
      processInfo: { pid: start.pid, ppid: 1, uid: start.uid, gid: start.uid },
      executionLimits: {
        maxLoopIterations: ENDLESS,
        maxCommandCount: ENDLESS,
        maxWorkUnits: ENDLESS,
        // A log of 31 GB counts with its logical size, and is its last lines.
        maxInputBytes: Number.MAX_SAFE_INTEGER,
        maxStringLength: Number.MAX_SAFE_INTEGER,
      },
    });
    const transform: Parameters<Bash['registerTransformPlugin']>[0]['transform'] = ({ ast }) => {
      rewrite(ast, this.#next);
      this.#next = false;
      return { ast };
    };
    this.#bash.registerTransformPlugin({ name: 'as-a-shell-would', transform });
  }

  *#commands(): Generator<[name: string, Command]> {
    const launchers: Readonly<Record<(typeof LAUNCHERS)[number], Launch>> = {
      bash: (...given) => this.#shell('bash', ...given),
      sh: (...given) => this.#shell('sh', ...given),
      sudo: (...given) => this.#sudo(...given),
      timeout: (...given) => this.#timeout(...given),
    };
    for (const name of BUILT_IN) yield [name, (args, ctx) => this.#own(args, ctx)];
    for (const name of PROGRAM_NAMES) yield [name, (args, ctx) => this.#program(name, args, ctx)];
    for (const [name, shown] of Object.entries(IDLE)) yield [name, async (args) => idle(shown, args)];
    for (const [name, launch] of Object.entries(launchers))
      yield [name, (args, ctx) => launch(args, ctx, false)];
    yield [LIVE, ([name, ...args], ctx) => launchers[name as keyof typeof launchers](args, ctx, true)];
    yield [TICK, () => this.#tick()];
    yield [WROTE, async ([status]) => ({ ...NOTHING, exitCode: this.#wrote() ? Number(status) : 1 })];
    yield ['sleep', (args, ctx) => this.#inRow(['sleep', ...args], ctx, () => this.#own(args, ctx))];
    yield ['tail', (args, ctx) => this.#following('tail', args, ctx, (rest) => this.#own(rest, ctx))];
    yield ['env', (args, ctx) => this.#env(args, ctx)];
    yield ['xargs', (args, ctx) => this.#running('xargs', apart(args), ctx)];
    yield ['systemd-run', (args, ctx) => this.#scope(args, ctx)];
    yield ['sort', (args, ctx) => this.#own(bySize(args), ctx)];
    yield ['find', (args, ctx) => this.#find(args, ctx)];
  }

  /** The interpreter's own, in the words of Debian's, wherever they are sent. */
  async #own(args: string[], ctx: Context): Promise<ExecResult> {
    return this.#inWords((await ctx.origCommand?.(args)) ?? NOTHING);
  }
  #inWords(result: ExecResult): ExecResult {
    const stderr = this.#files.words(result.stderr, '1');
    if (stderr === result.stderr) return result;
    const { internalOutputAccounting: _ofOtherWords, ...rest } = result;
    return { ...rest, stderr };
  }
  /** Alone it prints what the shell exports, not all that it knows. */
  async #env(args: string[], ctx: Context): Promise<ExecResult> {
    const lines = Object.entries(ctx.exportedEnv ?? {}).map(([name, value]) => `${name}=${value}\n`);
    if (args.length === 0) return { ...NOTHING, stdout: lines.join('') };
    return this.#running('env', args, ctx);
  }
  async #running(by: 'env' | 'xargs', args: string[], ctx: Context): Promise<ExecResult> {
    return (await this.#notThere(by, args, ctx)) ?? this.#own(args, ctx);
  }
  /** A limit of its own is not modelled: nothing that runs here takes memory of the guest. */
  async #scope(args: string[], ctx: Context): Promise<ExecResult> {
    if (!args.includes('--scope'))
      return refusal('Failed to start transient service unit: Access denied\n', 1);
    const isMissing = await this.#notThere('systemd-run', args, ctx);
    if (isMissing !== undefined) return isMissing;
    return this.#inRow(['systemd-run', ...args], ctx, async (signal) => {
      const options = { signal, exposed: false };
      const result = await this.#runProgram(runBy('systemd-run', args), ctx, options);
      return { ...result, stderr: `Running scope as unit: run-r${this.#row}.scope\n${result.stderr}` };
    });
  }
  async #find(args: string[], ctx: Context): Promise<ExecResult> {
    const plain = await this.#machine.plainTests(this.#request('find', withoutXdev(args), ctx));
    // What -exec did not find is find's own to say, so the words come after it.
    const run = async () => (await ctx.origCommand?.(plain)) ?? NOTHING;
    return this.#inWords(await find(args, this.#files, ctx.cwd, run));
  }
  #request(name: string, args: string[], { cwd }: Context) {
    return { name, args, cwd, uid: this.#files.uid };
  }
  /** Whether there is a file to run: what is only part of the shell is none. */
  async #isThere(name: string, { cwd }: Context): Promise<boolean> {
    if (name.includes('/')) return this.#files.exists(this.#files.resolvePath(cwd, name));
    const found = PATH.map((dir) => this.#machine.stat(this.#files.uid, `${dir}/${name}`, true));
    return Promise.any(found).then(Boolean, () => false);
  }
  /** For a program that runs others: what it says of one that is not there. */
  async #notThere(by: RunsOthers, args: string[], ctx: Context) {
    const [name] = runBy(by, args);
    if (name === undefined || (await this.#isThere(name, ctx))) return undefined;
    return refusal(...missing(by, name));
  }
  #program(name: string, args: string[], ctx: Context): Promise<ExecResult> {
    return this.#following(name, args, ctx, async (rest) => {
      this.#files.forgetRefusals();
      const { out, err, code } = await this.#machine.program(this.#request(name, rest, ctx));
      return { stdout: out, stderr: err, exitCode: code };
    });
  }

  /** With -f: what is there, at once; then it waits for ever, as there is nobody who would write more. */
  async #following(name: string, args: string[], ctx: Context, run: (args: string[]) => Promise<ExecResult>) {
    const rest = withoutFollow(name, args);
    const result = await run(rest ?? args);
    if (rest === undefined) return result;
    await this.#machine.output('stdout', Buffer.from(result.stdout));
    return this.#inRow([name, ...args], ctx, () => new Promise(() => {}));
  }

  /** A row in the process table for as long as it runs. A signal for the row ends it, and so does the end of what runs it. */
  async #inRow(
    argv: string[],
    ctx: Context,
    work: (signal: AbortSignal) => Promise<ExecResult>,
  ): Promise<ExecResult> {
    const above = this.#row;
    const pid = await this.#machine.enter(argv.join(' '), above, this.#files.uid);
    const own = new AbortController();
    const ended = Promise.withResolvers<ExecResult>();
    const either = AbortSignal.any([own.signal, ...(ctx.signal ? [ctx.signal] : [])]);
    either.addEventListener('abort', () => {
      const signal = own.signal.aborted ? Number(own.signal.reason) : TERM;
      ended.resolve({ ...NOTHING, exitCode: 128 + signal });
    });
    this.#ends.set(pid, own);
    this.#row = pid;
    try {
      return await Promise.race([work(own.signal), ended.promise]);
    } finally {
      this.#ends.delete(pid);
      this.#row = above;
      await this.#machine.leave(pid);
    }
  }

  /** A script or a program in the interpreter, as part of what runs now. */
  async #run(ctx: Context, script: string, options: RunOptions): Promise<ExecResult> {
    const { exposed, env = ctx.exportedEnv, ...rest } = options;
    const stdin = { stdin: latin1FromBytes(ctx.stdin), stdinKind: 'bytes' } as const;
    this.#next = exposed;
    try {
      return resultOf(
        (await ctx.exec?.(script, { ...stdin, ...rest, cwd: ctx.cwd, env: { ...env } })) ?? NOTHING,
      );
    } finally {
      this.#next = false; // A script that cannot be parsed takes nothing.
    }
  }
  #runProgram([name = '', ...args]: readonly string[], ctx: Context, options: RunOptions) {
    return this.#run(ctx, `'${name.replaceAll("'", "'\\''")}'`, { ...options, args });
  }

  #shell(name: 'bash' | 'sh', args: string[], ctx: Context, exposed: boolean): Promise<ExecResult> {
    const { inline, script, positional, set } = shellLine(name, args);
    const all = positional.slice(1).join(' ');
    const counted = { '#': String(positional.length - 1), '@': all, '*': all };
    const env = { ...ctx.exportedEnv, ...Object.fromEntries(positional.entries()), ...counted };
    return this.#inRow([name, ...args], ctx, async (signal) => {
      const ofFile = async (): Promise<string | undefined> =>
        ctx.fs.readFile(ctx.fs.resolvePath(ctx.cwd, script ?? '')).catch(() => undefined);
      const text = script === undefined ? textOf(ctx) : inline ? script : await ofFile();
      if (text === undefined && name === 'sh')
        return refusal(`sh: 0: cannot open ${script}: No such file\n`, 2);
      if (text === undefined) return refusal(`bash: ${script}: No such file or directory\n`, 127);
      const before = this.#files.shell;
      this.#files.shell = name;
      const options = { env, signal, exposed };
      const result = await this.#run(ctx, set === '' ? text : `set -${set}\n${text}`, options);
      const words = this.#files.words(result.stderr, '1');
      this.#files.shell = before;
      return { ...result, stderr: words };
    });
  }

  async #sudo(args: string[], ctx: Context, exposed: boolean): Promise<ExecResult> {
    const answer = await this.#machine.sudo(this.#request('sudo', args, ctx));
    if ('code' in answer) return { stdout: answer.out, stderr: answer.err, exitCode: answer.code };
    const { uid } = this.#files;
    this.#files.uid = answer.uid;
    const { argv, env } = answer;
    const work = (signal: AbortSignal) => this.#runProgram(argv, ctx, { env, signal, exposed });
    return this.#inRow(['sudo', ...args], ctx, work).finally(() => {
      this.#files.uid = uid;
    });
  }

  async #timeout(args: string[], ctx: Context, exposed: boolean): Promise<ExecResult> {
    const argv = runBy('timeout', args);
    const span = args[args.length - argv.length - 1];
    const ms = durationMs(span);
    const wrong = argv.length === 0 || ms !== undefined ? '' : `timeout: invalid time interval '${span}'\n`;
    const help = "Try 'timeout --help' for more information.\n";
    if (argv.length === 0 || ms === undefined) return refusal(wrong + help, 125);
    const isMissing = await this.#notThere('timeout', args, ctx);
    if (isMissing !== undefined) return isMissing;
    return this.#inRow(['timeout', ...args], ctx, async (signal) => {
      const over = new AbortController();
      const timer = setTimeout(() => over.abort(), ms);
      const options = { signal: AbortSignal.any([signal, over.signal]), exposed };
      const result = await this.#runProgram(argv, ctx, options).finally(() => clearTimeout(timer));
      if (!over.signal.aborted) return result;
      return { ...result, stderr: result.stderr.replace('bash: execution aborted\n', ''), exitCode: 124 };
    });
  }

  async #tick(): Promise<ExecResult> {
    if (performance.now() - this.#lookedUpAt < LOOK_UP_MS) return NOTHING;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lookedUpAt = performance.now();
    return NOTHING;
  }
  #wrote(): boolean {
    const { writeFailed } = this.#files;
    this.#files.writeFailed = false;
    return !writeFailed;
  }

  signal(pid: number, number: number): void {
    this.#ends.get(pid)?.abort(number);
  }

  async run(): Promise<number> {
    const { command, stdin } = this.#start;
    this.#next = true;
    const input = { stdin: Buffer.from(stdin).toString('latin1'), stdinKind: 'bytes' } as const;
    const result = await this.#bash.exec(command, { ...input, rawScript: true });
    // What no device took: messages of the interpreter itself, and scripts that redirect themselves.
    const rest = { stdout: result.stdout, stderr: this.#files.words(result.stderr, '1') };
    for (const stream of ['stdout', 'stderr'] as const)
      if (rest[stream] !== '') await this.#machine.output(stream, Buffer.from(rest[stream]));
    return result.exitCode;
  }
}

connect((machine, start) => new Shell(machine, start));
