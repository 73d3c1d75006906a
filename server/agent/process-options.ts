// How a Claude Code process is started: which program, with which environment (explicit and minimal; the model credential is the only
// secret in it), without settings, without a shell, with no tools that act but ours, and with two checks on every file that it reads.
// The names of the variables are those of Claude Code: https://code.claude.com/docs/en/env-vars
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { McpSdkServerConfigWithInstance, Options } from '@anthropic-ai/claude-agent-sdk';
import type { SessionId } from '../../protocol/ids.ts';
import type { ApiBounds } from './bounds.ts';
import { type Confinement, confine } from './confine.ts';
import { type AgentDefinition, BUILT_IN_TOOLS } from './definition.ts';
import type { Exchange } from './exchange.ts';
import { MCP_SERVER } from './show-tool.ts';

/** How long Claude Code lets one of our tools take: more than the 10 minutes that a question waits and the 15 that a command may run. */
export const TOOL_LIMIT_MS = 45 * 60_000;

export class NoClaudeBinary extends Error {}

export function claudeBinary(): string {
  const require = createRequire(import.meta.url);
  const names = ['', '-musl'].map(
    (libc) => `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}${libc}`,
  );
  for (const name of names) {
    try {
      return require.resolve(`${name}/claude`);
    } catch {
      // Not this one.
    }
  }
  throw new NoClaudeBinary(
    `Claude Code is not installed for ${process.platform}-${process.arch}: run npm ci without --omit=optional.`,
  );
}

export interface AgentDirs {
  readonly home: string;
  readonly config: string;
  readonly temp: string;
}

/** Where Claude Code keeps its conversations. */
export const claudeConfigDir = (dataDir: string): string => path.join(dataDir, 'agent', 'claude');

/** A home directory for the agent alone, below the data directory, so that no settings, hooks or memories of people reach it. */
export function makeAgentDirs(dataDir: string): AgentDirs {
  const base = path.join(dataDir, 'agent');
  const dirs = {
    home: path.join(base, 'home'),
    config: claudeConfigDir(dataDir),
    temp: path.join(base, 'tmp'),
  };
  for (const dir of Object.values(dirs)) mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dirs;
}

export interface EnvironmentParts {
  readonly dirs: AgentDirs;
  readonly searchPath: string;
  readonly credentials: Readonly<Record<string, string>>;
  readonly ownerEnv: Readonly<Record<string, string>>;
  readonly bounds: ApiBounds;
}

export function agentEnvironment(parts: EnvironmentParts): Record<string, string> {
  const { dirs, bounds } = parts;
  return {
    PATH: parts.searchPath,
    HOME: dirs.home,
    TMPDIR: dirs.temp,
    CLAUDE_CODE_TMPDIR: dirs.temp,
    CLAUDE_CONFIG_DIR: dirs.config,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: '1',
    CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: '1',
    CLAUDE_CODE_MAX_RETRIES: String(bounds.maxRetries),
    // A call may wait for a person and then run (see TOOL_LIMIT_MS). Without these a new version of the CLI could end the wait.
    MCP_TOOL_TIMEOUT: String(TOOL_LIMIT_MS),
    CLAUDE_CODE_SDK_MCP_TOOL_IDLE_TIMEOUT: String(TOOL_LIMIT_MS),
    CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT: '0',
    API_TIMEOUT_MS: String(bounds.apiTimeoutMs),
    CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: String(bounds.byteIdleMs),
    ...parts.credentials,
    ...parts.ownerEnv,
  };
}

export interface ProcessParts {
  readonly session: SessionId;
  readonly resume: boolean;
  readonly binary: string;
  readonly definition: AgentDefinition;
  /** The machine's name in the prompt. It replaces `{{target}}` in the definition. */
  readonly target: string;
  readonly model: string;
  readonly confinement: Confinement;
  readonly env: Readonly<Record<string, string>>;
  readonly tools: McpSdkServerConfigWithInstance;
  readonly exchange: () => Exchange | undefined;
}

export function processOptions(parts: ProcessParts): Options {
  const { confinement, definition, exchange } = parts;
  const builtIn = BUILT_IN_TOOLS.filter((name) => definition.tools.includes(name));
  return {
    ...(parts.resume ? { resume: parts.session } : { sessionId: parts.session }),
    pathToClaudeCodeExecutable: parts.binary,
    cwd: confinement.root,
    env: { ...parts.env },
    model: parts.model,
    systemPrompt: definition.prompt.replaceAll('{{target}}', parts.target),
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
    // The first check, for every call in every mode. A hook that fails must block the call.
    hooks: {
      PreToolUse: [
        {
          onFailure: 'block',
          hooks: [
            async (input) => {
              if (input.hook_event_name !== 'PreToolUse') return {};
              const current = exchange();
              const verdict = confine(confinement, input.tool_name, input.tool_input);
              // Every call is recorded before anything runs, even one that is refused.
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
    // The second check, independent of the first.
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
