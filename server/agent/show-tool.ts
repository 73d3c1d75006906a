// The names of a tool, for the model and for us, and a call as people see it: `ssh` with the command as one would type it,
// whatever shape the model gave the input. Pure.
import type { Account } from '../../protocol/approvals.ts';
import type { ToolInput } from '../../protocol/events.ts';

/** The name of our in-process MCP server. The model knows its tools as `mcp__breakglass__<tool>`. */
export const MCP_SERVER = 'breakglass';
const MCP_PREFIX = `mcp__${MCP_SERVER}__`;

/** `ssh` for `mcp__breakglass__ssh`; any other name as it is. */
export const plainToolName = (name: string): string =>
  name.startsWith(MCP_PREFIX) ? name.slice(MCP_PREFIX.length) : name;

export const isOurTool = (name: string): boolean => name.startsWith(MCP_PREFIX);

export interface ShownTool {
  readonly name: string;
  readonly input: ToolInput;
}

/**
 * The longest command, in bytes: what runs is recorded and shown whole, so that a person can judge it. Linux itself takes 128 KiB in one
 * argument. Longer programs go in as stdin, which is recorded whole too.
 */
export const MAX_COMMAND_BYTES = 32 * 1024;
export const MAX_STDIN_CHARS = 256 * 1024;
/** Of any other part of an input. No tool of the agent needs more. */
const MAX_PART_CHARS = 4 * 1024;
const MAX_PARTS = 32;
const MAX_NAME_CHARS = 100;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface ShowContext {
  /** When false, every command in the VM runs as the repair account and counts as repair. */
  readonly hasObserver: boolean;
  /** The name of the VM as an ssh host. */
  readonly vmAlias: string;
}

/** The account that a command in the VM really runs as, whichever was asked for. */
export const accountOf = (asked: unknown, { hasObserver }: ShowContext): Account =>
  hasObserver && asked !== 'repair' ? 'observer' : 'repair';

export function showTool(rawName: string, rawInput: unknown, context: ShowContext): ShownTool {
  const name = plainToolName(rawName).slice(0, MAX_NAME_CHARS);
  const input = cut(name, isObject(rawInput) ? rawInput : {});
  if (name !== 'ssh') return { name, input };
  const host = typeof input['host'] === 'string' ? input['host'] : '';
  const command = typeof input['command'] === 'string' ? input['command'] : '';
  const account = host === context.vmAlias ? { account: accountOf(input['account'], context) } : {};
  return { name, input: { ...input, ...account, command: `ssh ${host} ${command}` } };
}

/** What is longer than anything that runs is refused by its tool; of that the record has the beginning, and says how much there was. */
function cut(tool: string, input: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const limitOf = (part: string): number => {
    if (tool !== 'ssh') return MAX_PART_CHARS;
    return part === 'command' ? MAX_COMMAND_BYTES : part === 'stdin' ? MAX_STDIN_CHARS : MAX_PART_CHARS;
  };
  const parts = Object.entries(input);
  const shown = parts
    .slice(0, MAX_PARTS)
    .map(([part, value]) => [part.slice(0, MAX_NAME_CHARS), cutValue(value, limitOf(part))] as const);
  const left = parts.length - shown.length;
  return Object.fromEntries(left === 0 ? shown : [...shown, ['…', `${left} more parts`]]);
}

function cutValue(value: unknown, limit: number): unknown {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  if (text.length <= limit) return value;
  const head = text.slice(0, Math.min(limit, MAX_PART_CHARS)).replace(/[\uD800-\uDBFF]$/, '');
  return `${head} […cut: ${text.length} characters in all]`;
}
