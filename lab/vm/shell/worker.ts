// A shell in a thread of its own. It runs one command line and is thrown away. All it can reach is the kernel, by messages.
import { parentPort } from 'node:worker_threads';
import {
  Bash,
  type CommandName,
  type CustomCommand,
  defineCommand,
  type ExecResult,
  latin1FromBytes,
  type ResolvedCommandContext,
  type ScriptNode,
} from 'just-bash';
import { FILTERS } from '../state/program-names.ts';
import { uint8ArrayFromBytes } from './bytes.ts';
import { Kernel } from './kernel-link.ts';
import type { StartMessage } from './messages.ts';
import { shellArguments } from './shell-arguments.ts';
import { ShellFs } from './shell-fs.ts';
import { sortSizes, wantsSizes } from './sort.ts';
import { BACKGROUND, BACKGROUND_PID, LIVE, rewrite, WAIT, WROTE } from './transform.ts';
import { rewordText } from './wording.ts';

/** Ends are made by signals and time limits, not by counting: a real shell may loop for ever. */
const ENDLESS = 2_000_000_000;
const IDLE = ['ulimit', 'umask', 'jobs', 'disown', 'bg', 'fg'];
const INTERNAL = [BACKGROUND, WROTE, WAIT, 'trap', ...IDLE];
const NOTHING: ExecResult = { stdout: '', stderr: '', exitCode: 0 };

class Shell {
  readonly #kernel: Kernel;
  readonly #start: StartMessage;
  readonly #fs: ShellFs;
  readonly #bash: Bash;
  #name: string;
  /** The next `sh` or `bash` runs here instead of in a child. */
  #inPlace = true;
  #onExit: string | undefined;
  /** The script that the interpreter parses next. */
  #next: { readonly text: string; readonly hasStdin: boolean } | undefined;

  constructor(kernel: Kernel, start: StartMessage) {
    this.#kernel = kernel;
    this.#start = start;
    this.#name = start.argv[0]?.endsWith('sh') === true && !start.argv[0].endsWith('bash') ? 'sh' : 'bash';
    const own = [
      ...start.programs,
      ...FILTERS,
      'echo',
      'printf',
      'true',
      'false',
      'pwd',
      'test',
      'which',
      'env',
      'bash',
      'sh',
      ...INTERNAL,
    ];
    this.#fs = new ShellFs(kernel.ops, own, {
      words: (text, line) => rewordText(text, line, this.#name, this.#fs),
    });
    this.#bash = new Bash({
      fs: this.#fs,
      cwd: start.cwd,
      env: { ...start.env },
      commands: [
        ...FILTERS,
        'echo',
        'printf',
        'true',
        'false',
        'pwd',
        'which',
        'env',
        'bash',
        'sh',
        'time',
      ] as CommandName[],
      customCommands: [
        ...start.programs.map((name) => this.#program(name)),
        ...['bash', 'sh'].map((name) => this.#shell(name)),
        this.#env(),
        this.#tail(),
        this.#sort(),
        this.#trap(),
        this.#wait(),
        this.#background(),
        this.#wrote(),
        ...IDLE.map((name) => this.#idle(name)),
      ],
      processInfo: { pid: start.pid, ppid: start.ppid, uid: start.uid, gid: start.gid },
      executionLimits: {
        maxLoopIterations: ENDLESS,
        maxCommandCount: ENDLESS,
        maxWorkUnits: ENDLESS,
        maxAwkIterations: ENDLESS,
        maxSedIterations: ENDLESS,
        maxOutputSize: 64 * 1024 * 1024,
        maxStringLength: 16 * 1024 * 1024,
      },
    });
    this.#bash.registerTransformPlugin({
      name: 'processes',
      transform: ({ ast }) => {
        this.#rewrite(ast);
        return { ast };
      },
    });
  }

  /** Called by the interpreter with every script that it has parsed. */
  #rewrite(script: ScriptNode): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return;
    const { single } = rewrite(script, next.text, this.#start.programs, FILTERS, next.hasStdin);
    this.#inPlace = single;
  }

  #environment(ctx: ResolvedCommandContext): Record<string, string> {
    const env = { ...ctx.exportedEnv };
    delete env[LIVE];
    return env;
  }

  async #run(argv: string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
    const live = ctx.env.get(LIVE) ?? ctx.exportedEnv?.[LIVE] ?? '';
    const stdin = uint8ArrayFromBytes(ctx.stdin);
    const result = await this.#kernel.ops.run({
      argv,
      cwd: ctx.cwd,
      env: this.#environment(ctx),
      stdin,
      inheritStdin: live.includes('i') && stdin.length === 0,
      liveOut: live.includes('o'),
      liveErr: live.includes('e'),
      errToOut: live.includes('x'),
    });
    return {
      stdout: Buffer.from(result.stdout).toString('latin1'),
      stdoutKind: 'bytes',
      stdoutEncoding: 'binary',
      stderr: Buffer.from(result.stderr).toString('utf8'),
      exitCode: result.code,
    };
  }

  #program(name: string): CustomCommand {
    return defineCommand(name, (args, ctx) => this.#run([name, ...args], ctx));
  }

  /** `env` with a command starts a program; alone it prints what the shell exports. */
  #env(): CustomCommand {
    return defineCommand('env', (args, ctx) => {
      if (args.length > 0) return this.#run(['env', ...args], ctx);
      const rows = Object.entries(this.#environment(ctx)).map(([name, value]) => `${name}=${value}\n`);
      return Promise.resolve({ ...NOTHING, stdout: rows.join('') });
    });
  }

  /** `tail -f` waits for ever, so it is a program; other tails are filters. */
  #tail(): CustomCommand {
    return defineCommand('tail', (args, ctx) => {
      const follows = args.some((arg) => /^-[a-zA-Z]*[fF]/.test(arg) || arg.startsWith('--follow'));
      if (follows) return this.#run(['tail', ...args], ctx);
      return ctx.origCommand?.([...args]) ?? Promise.resolve(NOTHING);
    });
  }

  #sort(): CustomCommand {
    return defineCommand('sort', async (args, ctx) => {
      if (!wantsSizes(args)) return ctx.origCommand?.([...args]) ?? NOTHING;
      const files = args.filter(
        (arg, index) => !arg.startsWith('-') && !['-k', '-t'].includes(args[index - 1] ?? ''),
      );
      const texts = await Promise.all(
        files.map((file) => this.#fs.readFile(this.#fs.resolvePath(ctx.cwd, file))),
      );
      const given =
        files.length > 0 ? texts.join('') : Buffer.from(uint8ArrayFromBytes(ctx.stdin)).toString('utf8');
      return { ...NOTHING, stdout: sortSizes(given, args) };
    });
  }

  #shell(name: string): CustomCommand {
    return defineCommand(name, async (args, ctx) => {
      if (!this.#inPlace) return this.#run([name, ...args], ctx);
      this.#inPlace = false;
      this.#name = name;
      await this.#kernel.ops.become([name, ...args].join(' '));
      return this.#script(args, ctx);
    });
  }

  async #script(args: readonly string[], ctx: ResolvedCommandContext): Promise<ExecResult> {
    const { inline, options, operands } = shellArguments(args);
    let text: string;
    if (inline) text = operands[0] ?? '';
    else if (operands[0] === undefined) text = Buffer.from(await this.#input(ctx)).toString('utf8');
    else text = await this.#fs.readFile(this.#fs.resolvePath(ctx.cwd, operands[0]));
    this.#next = { text, hasStdin: latin1FromBytes(ctx.stdin) !== '' || !inline };
    const script = options === '' ? text : `set -${options}\n${text}`;
    const names = inline ? operands.slice(1) : operands;
    return ctx.origCommand?.(['-c', script, ...(names.length > 0 ? names : [this.#name])]) ?? NOTHING;
  }

  async #input(ctx: ResolvedCommandContext): Promise<Uint8Array> {
    const given = uint8ArrayFromBytes(ctx.stdin);
    return given.length > 0 ? given : this.#kernel.ops.stdin();
  }

  #trap(): CustomCommand {
    return defineCommand('trap', async ([handler = '', ...signals]) => {
      for (const signal of signals) {
        if (signal === 'EXIT' || signal === '0') this.#onExit = handler === '-' ? undefined : handler;
        else await this.#kernel.ops.trap(signal.replace(/^SIG/, ''), handler === '');
      }
      return NOTHING;
    });
  }

  #wait(): CustomCommand {
    return defineCommand(WAIT, async ([pid]) => ({
      ...NOTHING,
      exitCode: await this.#kernel.ops.wait(pid === undefined ? null : Number(pid)),
    }));
  }

  #background(): CustomCommand {
    return defineCommand(BACKGROUND, async ([how, script = ''], ctx) => {
      const pid = await this.#kernel.ops.background(
        script,
        ctx.cwd,
        this.#environment(ctx),
        how === 'detached',
      );
      await ctx.assignShellVariable?.(BACKGROUND_PID, String(pid));
      return NOTHING;
    });
  }

  #wrote(): CustomCommand {
    return defineCommand(WROTE, async ([status = '0']) => {
      const failed = this.#fs.writeFailed;
      this.#fs.writeFailed = false;
      return { ...NOTHING, exitCode: failed ? 1 : Number(status) };
    });
  }

  #idle(name: string): CustomCommand {
    const answers: Record<string, string> = { ulimit: 'unlimited\n', umask: '0022\n' };
    return defineCommand(name, async () => ({ ...NOTHING, stdout: answers[name] ?? '' }));
  }

  async run(): Promise<number> {
    const [name = 'bash', ...args] = this.#start.argv;
    if (name !== 'bash' && name !== 'sh') this.#inPlace = false;
    const filter = name !== 'bash' && name !== 'sh';
    const stdin = filter ? Buffer.from(await this.#kernel.ops.stdin()).toString('latin1') : '';
    const result = await this.#bash.exec(name, { args, stdin, stdinKind: 'bytes', rawScript: true });
    await this.#emit(result);
    if (this.#onExit !== undefined) {
      this.#next = { text: this.#onExit, hasStdin: true };
      await this.#emit(await this.#bash.exec(this.#onExit, { env: result.env }));
    }
    return result.exitCode;
  }

  /** What no device took: messages of the interpreter itself, and scripts that redirect themselves. */
  async #emit(result: ExecResult): Promise<void> {
    const kind = result.stdoutKind === 'bytes' || result.stdoutEncoding === 'binary' ? 'latin1' : 'utf8';
    if (result.stdout !== '') await this.#kernel.ops.write('stdout', Buffer.from(result.stdout, kind));
    if (result.stderr !== '')
      await this.#kernel.ops.write('stderr', Buffer.from(this.#fs.reworded(result.stderr)));
  }
}

const port = parentPort;
if (port === null) throw new Error('a shell runs in a thread');
const kernel = new Kernel(port);
kernel.onStart = async (start) => {
  let code = 2;
  try {
    code = await new Shell(kernel, start).run();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    await kernel.ops.write('stderr', Buffer.from(`bash: ${words}\n`));
  }
  port.postMessage({ type: 'exit', code });
};
port.postMessage({ type: 'ready' });
