// A session as the fixture server keeps it.
import type { ServerResponse } from 'node:http';

export type Json = Record<string, unknown>;

export interface FixtureSession {
  readonly id: string;
  readonly target: string;
  readonly events: (Json & { id: number })[];
  readonly clients: Set<ServerResponse>;
  running: AbortController | null;
  queue: { id: string; prompt: string }[];
  name?: string;
}
