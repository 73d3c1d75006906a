// The names of a tool, for the model and for us, and a call as people see it: `ssh` with the command as one would type it,
// whatever shape the model gave the input. Pure.
import type { Account, ToolInput } from '../../protocol/events.ts';

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
  const name = plainToolName(rawName);
  const input = isObject(rawInput) ? rawInput : {};
  if (name !== 'ssh') return { name, input };
  const host = typeof input['host'] === 'string' ? input['host'] : '';
  const command = typeof input['command'] === 'string' ? input['command'] : '';
  const account = host === context.vmAlias ? { account: accountOf(input['account'], context) } : {};
  return { name, input: { ...input, ...account, command: `ssh ${host} ${command}` } };
}
