// How a Claude Code process is started: no settings, no shell, no hands but ours, and two checks on every file it reads.
import type { McpSdkServerConfigWithInstance, Options } from '@anthropic-ai/claude-agent-sdk';
import type { SessionId } from '../../protocol/ids.ts';
import { type Confinement, confine } from './confine.ts';
import { type AgentDefinition, BUILT_IN_TOOLS } from './definition.ts';
import { MCP_SERVER } from './tool-names.ts';
import type { LiveTurn } from './turn.ts';

export interface ProcessParts {
  readonly session: SessionId;
  readonly resume: boolean;
  readonly binary: string;
  readonly definition: AgentDefinition;
  readonly model: string;
  readonly confinement: Confinement;
  readonly env: Readonly<Record<string, string>>;
  readonly tools: McpSdkServerConfigWithInstance;
  readonly turn: () => LiveTurn | undefined;
}

export function processOptions(parts: ProcessParts): Options {
  const { confinement, definition, turn } = parts;
  const builtIn = BUILT_IN_TOOLS.filter((name) => definition.tools.includes(name));
  return {
    ...(parts.resume ? { resume: parts.session } : { sessionId: parts.session }),
    pathToClaudeCodeExecutable: parts.binary,
    cwd: confinement.root,
    env: { ...parts.env },
    model: parts.model,
    systemPrompt: definition.prompt,
    includePartialMessages: true,
    // `@path` and `/word` in a prompt are only text.
    verbatimPrompts: true,
    settingSources: [],
    strictMcpConfig: true,
    mcpServers: { [MCP_SERVER]: parts.tools },
    tools: [...builtIn],
    skills: [],
    permissionMode: 'default',
    settings: {
      autoMemoryEnabled: false,
      permissions: {
        ask: [...builtIn],
        blockReadsOutsideWorkingDirectories: true,
        blockWritesOutsideWorkingDirectories: true,
        disableBypassPermissionsMode: 'disable',
      },
    },
    // First check, for every call in every mode. A hook that fails must block.
    hooks: {
      PreToolUse: [
        {
          onFailure: 'block',
          hooks: [
            async (input) => {
              if (input.hook_event_name !== 'PreToolUse') return {};
              const current = turn();
              const verdict = confine(confinement, input.tool_name, input.tool_input);
              // Recorded before anything runs, also what is refused.
              await current?.announce(input.tool_use_id, input.tool_name, input.tool_input);
              if (current !== undefined && verdict.allowed) return { continue: true };
              const reason = verdict.allowed ? 'Refused: no turn is running.' : verdict.reason;
              return {
                hookSpecificOutput: {
                  hookEventName: 'PreToolUse',
                  permissionDecision: 'deny',
                  permissionDecisionReason: reason,
                },
              };
            },
          ],
        },
      ],
    },
    // Second check, independent of the first.
    canUseTool: (name, input) => {
      const verdict = confine(confinement, name, input);
      return Promise.resolve(
        verdict.allowed
          ? { behavior: 'allow', updatedInput: input }
          : { behavior: 'deny', message: verdict.reason },
      );
    },
  };
}
