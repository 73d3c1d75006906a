// Small pieces of the interpreter's syntax tree: making them, and asking about redirections.
import type { CommandNode, PipelineNode, SimpleCommandNode, StatementNode, WordNode } from 'just-bash';

export type Redirection = SimpleCommandNode['redirections'][number];

export const word = (value: string): WordNode => ({ type: 'Word', parts: [{ type: 'SingleQuoted', value }] });
export const plain = (value: string): WordNode => ({ type: 'Word', parts: [{ type: 'Literal', value }] });
export const literal = (node: WordNode | null): string | undefined => {
  const [part, ...more] = node?.parts ?? [];
  return part?.type === 'Literal' && more.length === 0 ? part.value : undefined;
};
const pipeline = (command: CommandNode): PipelineNode => ({
  type: 'Pipeline',
  commands: [command],
  negated: false,
});
export const statement = (command: CommandNode): StatementNode => ({
  type: 'Statement',
  pipelines: [pipeline(command)],
  operators: [],
  background: false,
});
export const simple = (name: string, args: WordNode[]): SimpleCommandNode => ({
  type: 'SimpleCommand',
  name: plain(name),
  args,
  assignments: [],
  redirections: [],
});
export const status = (): WordNode => ({
  type: 'Word',
  parts: [{ type: 'DoubleQuoted', parts: [{ type: 'ParameterExpansion', parameter: '?', operation: null }] }],
});
export const append = (fd: number, target: string): Redirection => ({
  type: 'Redirection',
  fd,
  operator: '>>',
  target: plain(target),
});

export const writes = (redirection: Redirection): boolean =>
  ['>', '>>', '>|', '&>', '&>>'].includes(redirection.operator);
export const touches = (redirections: readonly Redirection[], fd: 0 | 1 | 2): boolean =>
  redirections.some(({ operator, fd: own }) => {
    if (operator.startsWith('&>')) return fd !== 0;
    return (own ?? (operator.includes('<') ? 0 : 1)) === fd;
  });
export const targetWord = (redirection: Redirection): WordNode | undefined =>
  redirection.target.type === 'Word' ? redirection.target : undefined;
export const isErrToOut = (redirection: Redirection): boolean =>
  redirection.operator === '>&' && redirection.fd === 2 && literal(targetWord(redirection) ?? null) === '1';
