import type { OperationState } from '../../../protocol/operations.ts';

/** How something is, for the eye: well, look at it, failed, not known or pending, being asked. */
export type Tone = 'ok' | 'warn' | 'bad' | 'none' | 'busy';

export const OPERATION_TONE: Readonly<Record<OperationState, Tone>> = {
  running: 'busy',
  succeeded: 'ok',
  failed: 'bad',
  unknown: 'none',
};
