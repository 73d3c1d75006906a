// One step of the rehearsal model: what it says and what it calls, and what it knows when it chooses. Pure.
import type { Call } from './conversation.ts';
import type { Intent } from './intent.ts';

export interface Step {
  readonly say: string;
  readonly call?:
    | { readonly tool: 'triage' }
    | {
        readonly tool: 'ssh';
        readonly host: 'devvm' | 'pve';
        readonly command: string;
        readonly account?: 'repair';
        readonly timeout_s?: number;
      };
}

export interface Scene {
  readonly intent: Intent;
  /** Of this turn. */
  readonly calls: readonly Call[];
  /** Of the whole conversation, oldest first. */
  readonly all: readonly Call[];
}

/** A VM that is wedged lets a look hang: it is not waited for long. */
const LOOK_LIMIT_S = 15;

export const look = (say: string, command: string): Step => ({
  say,
  call: { tool: 'ssh', host: 'devvm', command, timeout_s: LOOK_LIMIT_S },
});
export const repair = (say: string, command: string): Step => ({
  say,
  call: { tool: 'ssh', host: 'devvm', command, account: 'repair' },
});
export const verb = (say: string, command: string): Step => ({
  say,
  call: { tool: 'ssh', host: 'pve', command },
});

/** What a command printed the last time it ran; undefined when it did not, or has not ended. */
export const printed = (calls: readonly Call[], command: string): string | undefined =>
  calls.findLast((call) => call.command === command)?.result?.text;
