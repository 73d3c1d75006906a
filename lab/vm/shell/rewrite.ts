// Rewrites a script before the interpreter runs it. The interpreter gives a script's output at its end, forgets why a
// redirection failed, and never looks up from a loop; a shell does none of these. So what a command prints goes to devices that
// the shell's file system knows, a file opened for writing gets a name that tells who opens it, and a loop begins each round
// with a look around.
//
// A command is *exposed* where its output is the script's own: at the end of a pipeline, not in a substitution, a function or
// below a redirection. Only exposed commands are heard while the script runs.
import type { CommandNode, ScriptNode, SimpleCommandNode, StatementNode, WordNode } from 'just-bash';

/** Both followed by the line of the command, for the shell's messages. */
export const OUT = '/dev/.out/';
export const ERR = '/dev/.err/';
/** `/.open/<command>/<line>/<path as typed>`. */
export const OPEN = '/.open/';
export const TICK = '__tick';
export const WROTE = '__wrote';
/** Before a program that runs programs: what it runs is exposed too. */
export const LIVE = '__live';
export const LAUNCHERS = ['bash', 'sh', 'sudo', 'timeout'] as const;

type Command = Exclude<CommandNode, { type: 'FunctionDef' }>;

const plain = (value: string): WordNode => ({ type: 'Word', parts: [{ type: 'Literal', value }] });
const STATUS: WordNode = {
  type: 'Word',
  parts: [{ type: 'ParameterExpansion', parameter: '?', operation: null }],
};
const simple = (name: string, ...args: WordNode[]): SimpleCommandNode => {
  return { type: 'SimpleCommand', name: plain(name), args, assignments: [], redirections: [] };
};
const statement = (command: CommandNode): StatementNode => {
  const pipelines = [{ type: 'Pipeline' as const, commands: [command], negated: false }];
  return { type: 'Statement', pipelines, operators: [], background: false };
};
/** The text of a word that has no expansions. */
const literal = (node: WordNode | null): string | undefined => {
  const [part, ...more] = node?.parts ?? [];
  const isPlain = part?.type === 'Literal' || part?.type === 'SingleQuoted';
  return isPlain && more.length === 0 ? part.value : undefined;
};

const commandsIn = (value: unknown): Command[] => {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(commandsIn);
  const isCommand = 'redirections' in value && (value as CommandNode).type !== 'FunctionDef';
  return isCommand ? [...inner, value as Command] : inner;
};

/** Files opened for writing say who opens them; a write that fails then fails the command. */
const nameOpenings = (node: Command): void => {
  const by = node.type === 'SimpleCommand' ? literal(node.name) : undefined;
  const prefix = `${OPEN}${by !== undefined && /^[\w.-]+$/.test(by) ? by : 'bash'}/${node.line ?? 1}/`;
  let any = false;
  for (const { operator, target } of node.redirections) {
    if (target.type !== 'Word' || !/^&?>[>|]?$/.test(operator) || literal(target)?.startsWith('/dev/'))
      continue;
    if (target.parts[0]?.type === 'TildeExpansion')
      target.parts[0] = { type: 'ParameterExpansion', parameter: 'HOME', operation: null };
    target.parts.unshift({ type: 'Literal', value: prefix });
    any = true;
  }
  if (!any) return;
  const body = [statement({ ...node }), statement(simple(WROTE, STATUS))];
  Object.assign(node, { type: 'Group', body, redirections: [] });
};

const exposeAll = (list: readonly StatementNode[]): void => {
  for (const { commands, pipeStderr } of list.flatMap(({ pipelines }) => pipelines))
    for (const [index, command] of commands.entries())
      expose(command, index === commands.length - 1, pipeStderr?.[index] !== true);
};

const expose = (node: CommandNode, out: boolean, errors: boolean): void => {
  if (node.type === 'FunctionDef' || (node.type === 'SimpleCommand' && node.name === null)) return;
  const isOpen = node.redirections.length === 0 && out && errors;
  if (isOpen && exposeInside(node)) return;
  const name =
    node.type === 'SimpleCommand' ? LAUNCHERS.find((each) => each === literal(node.name)) : undefined;
  if (isOpen && node.type === 'SimpleCommand' && name !== undefined) {
    node.args.unshift(plain(name));
    node.name = plain(LIVE);
  }
  // In front: what the command redirects itself comes later, and counts.
  const to = (fd: number, path: string): void => {
    node.redirections.unshift({ type: 'Redirection', fd, operator: '>>', target: plain(path) });
  };
  if (errors) to(2, `${ERR}${node.line ?? 1}`);
  if (out) to(1, `${OUT}${node.line ?? 1}`);
};

/** False for what has no statements inside. */
const exposeInside = (node: CommandNode): boolean => {
  switch (node.type) {
    case 'If':
      for (const { condition, body } of node.clauses) exposeAll([...condition, ...body]);
      exposeAll(node.elseBody ?? []);
      return true;
    case 'While':
    case 'Until':
      exposeAll([...node.condition, ...node.body]);
      return true;
    case 'Case':
      for (const { body } of node.items) exposeAll(body);
      return true;
    case 'For':
    case 'CStyleFor':
    case 'Subshell':
    case 'Group':
      exposeAll(node.body);
      return true;
    case 'SimpleCommand':
    case 'ArithmeticCommand':
    case 'ConditionalCommand':
    case 'FunctionDef':
      return false;
  }
};

/** Redirecting the shell itself undoes what this is for: such a script prints at its end. */
const redirectsShell = (node: Command): boolean =>
  node.type === 'SimpleCommand' && literal(node.name) === 'exec' && node.args.length === 0;

/** Rewrites the tree in place. */
export const rewrite = (script: ScriptNode, exposed: boolean): void => {
  const commands = commandsIn(script);
  for (const node of commands)
    if (node.type === 'While' || node.type === 'Until' || node.type === 'For' || node.type === 'CStyleFor')
      node.body.unshift(statement(simple(TICK)));
  if (commands.some(redirectsShell)) return;
  for (const node of commands) nameOpenings(node);
  if (exposed) exposeAll(script.statements);
};
