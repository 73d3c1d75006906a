// How a tool is called: by the model, and by us. Pure.

/** Name of our in-process MCP server; its tools are `mcp__breakglass__<tool>` to the model. */
export const MCP_SERVER = 'breakglass';
const MCP_PREFIX = `mcp__${MCP_SERVER}__`;

/** `ssh` for `mcp__breakglass__ssh`; any other name as it is. */
export const plainToolName = (name: string): string =>
  name.startsWith(MCP_PREFIX) ? name.slice(MCP_PREFIX.length) : name;

export const isOurTool = (name: string): boolean => name.startsWith(MCP_PREFIX);
