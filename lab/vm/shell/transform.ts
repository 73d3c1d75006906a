// Rewrites a script before the interpreter runs it, so that it behaves as processes do: what a command prints leaves at once
// (redirected to devices that the file system of the shell knows), a failed redirection has a reason and an exit code, `&`
// starts a process, `exec` does not return. Pure: from tree to tree.
//
// The interpreter gives a script's output at its end. A command is *exposed* where its stdout is the script's own: not in a
// pipeline before its end, not in a substitution, not below a redirection, not in a function. Exposed commands are redirected
// to OUT; a function call is redirected as a whole.
import {
  type CommandNode,
  type PipelineNode,
  type ScriptNode,
  type SimpleCommandNode,
  type StatementNode,
  serialize,
  type WordNode,
} from 'just-bash';
import {
  append,
  isErrToOut,
  literal,
  plain,
  type Redirection,
  simple,
  statement,
  status,
  targetWord,
  touches,
  word,
  writes,
} from './nodes.ts';

export const OUT = '/dev/.out';
/** The shell's own stdin. */
export const IN = '/dev/.in';
/** Followed by the line of the command, for bash's messages. */
export const ERR = '/dev/.err/';
/** `/.open/<command>/<line>/<path as typed>`: a file that a redirection opens for writing. */
export const OPEN = '/.open/';
/** Set before a program of the kernel: which of its streams are the script's own (`o`, `e`, `i`; `x`: stderr goes to stdout). */
export const LIVE = '_BG_LIVE';
export const BACKGROUND = '__background';
export const WROTE = '__wrote';
export const WAIT = '__wait';
export const BACKGROUND_PID = '_BG_PID';

interface Exposure {
  readonly out: string | undefined;
  /** A device, or a prefix that the line completes. */
  readonly err: string | undefined;
  readonly stdin: boolean;
}

export interface Rewritten {
  /** One simple command: a shell runs it in its own place. */
  readonly single: boolean;
}

const HIDDEN: Exposure = { out: undefined, err: undefined, stdin: false };

/** `cat file` and `grep word file` leave stdin alone. */
const namesFiles = (name: string, args: readonly WordNode[]): boolean => {
  const operands = args.filter((arg) => literal(arg)?.startsWith('-') !== true).length;
  if (['read', 'mapfile', 'readarray', 'tr'].includes(name)) return false;
  return operands >= (['grep', 'egrep', 'fgrep', 'sed', 'awk', 'cut', 'head', 'tail'].includes(name) ? 2 : 1);
};

class Rewriter {
  readonly #programs: ReadonlySet<string>;
  readonly #readers: ReadonlySet<string>;
  readonly #functions = new Set<string>();
  /** A filter or `read` may take the script's own stdin. */
  readsStdin = false;

  constructor(programs: readonly string[], readers: readonly string[]) {
    this.#programs = new Set([...programs, 'bash', 'sh', 'env']);
    this.#readers = new Set([...readers, 'read', 'mapfile', 'readarray']);
  }

  script(node: ScriptNode, at: Exposure): void {
    node.statements = this.statements(node.statements, at);
  }

  statements(list: readonly StatementNode[], at: Exposure): StatementNode[] {
    return list.map((node) => {
      if (!node.background) {
        for (const part of node.pipelines) this.#pipeline(part, at);
        return node;
      }
      const [only] = node.pipelines;
      const [command] = only?.commands ?? [];
      const alone = node.pipelines.length === 1 && only?.commands.length === 1 && command !== undefined;
      const detached =
        alone &&
        'redirections' in command &&
        touches(command.redirections, 1) &&
        touches(command.redirections, 2);
      const text = serialize({ type: 'Script', statements: [{ ...node, background: false }] });
      return statement(simple(BACKGROUND, [plain(detached ? 'detached' : 'attached'), word(text)]));
    });
  }

  #pipeline(node: PipelineNode, at: Exposure): void {
    node.commands = node.commands.map((command, index) => {
      const last = index === node.commands.length - 1;
      return this.#command(command, {
        out: last ? at.out : undefined,
        err: node.pipeStderr?.[index] ? undefined : at.err,
        stdin: index === 0 && at.stdin,
      });
    });
  }

  /** Commands inside `$(…)` of any word below: hidden, but rewritten too. */
  #words(value: unknown): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#words(item);
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const node = value as { type?: string; parameter?: string; body?: unknown };
    if (node.type === 'CommandSubstitution' || node.type === 'ProcessSubstitution') {
      this.script(node.body as ScriptNode, HIDDEN);
      return;
    }
    if (node.type === 'ParameterExpansion' && node.parameter === '!') node.parameter = BACKGROUND_PID;
    for (const item of Object.values(value)) this.#words(item);
  }

  /** Files opened for writing get the prefix by which the shell's file system tells why they fail. */
  #openings(redirections: Redirection[], name: string, line: number): boolean {
    let any = false;
    for (const redirection of redirections) {
      this.#words(redirection.target);
      const target = targetWord(redirection);
      if (!writes(redirection) || !target || literal(target)?.startsWith('/dev/')) continue;
      const [first] = target.parts;
      if (first?.type === 'TildeExpansion')
        target.parts[0] = { type: 'ParameterExpansion', parameter: 'HOME', operation: null };
      target.parts.unshift({ type: 'Literal', value: `${OPEN}${name}/${line}/` });
      any = true;
    }
    return any;
  }

  #command(node: CommandNode, at: Exposure): CommandNode {
    if (node.type === 'FunctionDef') {
      this.#functions.add(node.name);
      this.#compound(node.body, HIDDEN);
      return node;
    }
    if (node.type === 'SimpleCommand') return this.#simple(node, at);
    const [only, ...more] = node.redirections;
    if (only && more.length === 0 && isErrToOut(only) && at.out !== undefined) {
      node.redirections = [];
      this.#compound(node, { ...at, err: at.out });
      return node;
    }
    const files = this.#openings(node.redirections, 'bash', node.line ?? 1);
    this.#compound(node, {
      out: touches(node.redirections, 1) ? undefined : at.out,
      err: touches(node.redirections, 2) ? undefined : at.err,
      stdin: at.stdin && !touches(node.redirections, 0),
    });
    return files ? this.#checked(node) : node;
  }

  #compound(node: Exclude<CommandNode, { type: 'SimpleCommand' | 'FunctionDef' }>, at: Exposure): void {
    switch (node.type) {
      case 'If':
        for (const clause of node.clauses) {
          clause.condition = this.statements(clause.condition, at);
          clause.body = this.statements(clause.body, at);
        }
        if (node.elseBody) node.elseBody = this.statements(node.elseBody, at);
        return;
      case 'While':
      case 'Until':
        node.condition = this.statements(node.condition, at);
        node.body = this.statements(node.body, at);
        return;
      case 'Case':
        this.#words(node.word);
        for (const item of node.items) item.body = this.statements(item.body, at);
        return;
      case 'For':
        this.#words(node.words);
        node.body = this.statements(node.body, at);
        return;
      case 'CStyleFor':
      case 'Subshell':
      case 'Group':
        node.body = this.statements(node.body, at);
        return;
      case 'ArithmeticCommand':
      case 'ConditionalCommand':
        this.#words(node.expression);
        return;
    }
  }

  #checked(node: CommandNode): CommandNode {
    return { type: 'Group', body: [statement(node), statement(simple(WROTE, [status()]))], redirections: [] };
  }

  #simple(node: SimpleCommandNode, at: Exposure): CommandNode {
    this.#words([node.args, node.assignments]);
    let name = literal(node.name);
    let replaced = false;
    if (name === 'exec' && node.args.length > 0) {
      node.name = node.args.shift() ?? null;
      name = literal(node.name);
      replaced = true;
    }
    // The interpreter's own knows no processes.
    if (name === 'wait') node.name = plain(WAIT);
    const line = node.line ?? 1;
    const own = [...node.redirections];
    const files = this.#openings(node.redirections, name?.replaceAll(/[^\w.-]/g, '') || 'bash', line);
    if (node.name !== null && name !== 'exec') {
      const stdin = at.stdin && !touches(own, 0);
      if (stdin && (name === undefined || (this.#readers.has(name) && !namesFiles(name, node.args))))
        this.readsStdin = true;
      const errors = at.err === undefined || touches(own, 2) ? '' : at.err === OUT ? 'x' : 'e';
      const live = `${at.out !== undefined && !touches(own, 1) ? 'o' : ''}${errors}${stdin ? 'i' : ''}`;
      // Said also where nothing is live: else a program in `$(…)` takes the flags of the command around it.
      if (name === undefined || (this.#programs.has(name) && !this.#functions.has(name))) {
        const value = plain(name === undefined || live === '' ? '-' : live);
        node.assignments.push({ type: 'Assignment', name: LIVE, value, append: false, array: null });
      }
      if (at.err !== undefined)
        node.redirections.unshift(append(2, at.err === ERR ? `${ERR}${line}` : at.err));
      if (at.out !== undefined) node.redirections.unshift(append(1, at.out));
    }
    const done = files ? this.#checked(node) : node;
    if (!replaced) return done;
    return {
      type: 'Group',
      body: [statement(done), statement(simple('exit', [status()]))],
      redirections: [],
    };
  }
}

/** Redirecting the shell itself (`exec >file`) undoes what rewriting is for: such a script prints at its end. */
const redirectsItself = (text: string): boolean =>
  /(^|[;&|\n]|then|do|else|\{)\s*exec\s+(\d*[<>]|&>)/.test(text);

/** Rewrites the tree in place. `hasStdin`: it was given its own, so the shell's is not read. */
export const rewrite = (
  script: ScriptNode,
  text: string,
  programs: readonly string[],
  readers: readonly string[],
  hasStdin: boolean,
): Rewritten => {
  const [first, ...others] = script.statements;
  const [command, ...piped] = first?.pipelines.length === 1 ? (first.pipelines[0]?.commands ?? []) : [];
  const single =
    others.length === 0 &&
    piped.length === 0 &&
    command?.type === 'SimpleCommand' &&
    first?.background === false;
  const rewriter = new Rewriter(programs, readers);
  rewriter.script(script, redirectsItself(text) ? HIDDEN : { out: OUT, err: ERR, stdin: true });
  if (rewriter.readsStdin && !hasStdin) {
    // Read when the script begins, and only if something in it may take it.
    const from: Redirection = { type: 'Redirection', fd: 0, operator: '<', target: plain(IN) };
    script.statements = [statement({ type: 'Group', body: script.statements, redirections: [from] })];
  }
  return { single };
};
