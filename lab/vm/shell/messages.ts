// What the process of a shell and the machine say to each other. Plain values only.
import type { MachineCalls } from '../calls.ts';

export interface StartMessage {
  readonly type: 'start';
  readonly command: string;
  readonly stdin: Uint8Array;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly uid: number;
}

export type CallName = keyof MachineCalls;
type Far<Call> = Call extends (...args: infer Args) => infer Value
  ? (...args: Args) => Promise<Awaited<Value>>
  : never;
/** The machine's calls from afar. */
export type Machine = { readonly [Name in CallName]: Far<MachineCalls[Name]> };

export type FromShell =
  | { readonly type: 'call'; readonly id: number; readonly call: CallName; readonly args: readonly unknown[] }
  | { readonly type: 'exit'; readonly code: number };
export type ToShell =
  | StartMessage
  | { readonly type: 'value'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refusal'; readonly id: number; readonly words: string }
  /** A signal for something that the shell runs. */
  | { readonly type: 'signal'; readonly pid: number; readonly number: number };
