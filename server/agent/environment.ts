// The environment of the agent's process: explicit and minimal. The model credential is the only secret in it. Names are
// Claude Code's own: https://code.claude.com/docs/en/env-vars
import { mkdirSync } from 'node:fs';
import path from 'node:path';

/** Limits on the model API. Together they end every kind of stall inside 60 s; the watchdog of a turn is their backstop. */
export interface ApiBounds {
  /** Until the headers of an answer came. Two attempts of it must stay below the watchdog. */
  readonly apiTimeoutMs: number;
  /** Between two bytes of an answer. */
  readonly byteIdleMs: number;
  readonly maxRetries: number;
}
export const API_BOUNDS: ApiBounds = { apiTimeoutMs: 20_000, byteIdleMs: 15_000, maxRetries: 1 };

export interface AgentDirs {
  readonly home: string;
  readonly config: string;
  readonly temp: string;
}

/** A home of the agent's own below the data directory, so that nobody's settings, hooks or memories reach it. */
export function makeAgentDirs(dataDir: string): AgentDirs {
  const base = path.join(dataDir, 'agent');
  const dirs = {
    home: path.join(base, 'home'),
    config: path.join(base, 'claude'),
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
    API_TIMEOUT_MS: String(bounds.apiTimeoutMs),
    CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: String(bounds.byteIdleMs),
    ...parts.credentials,
    ...parts.ownerEnv,
  };
}
