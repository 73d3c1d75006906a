// The words that a finding may use for the state of a target, and how each looks. Plain: the page loads it.

/** The one word for the state of a target, and the tone of its shape. */
export const STATE_TONES = {
  Well: 'ok',
  Answers: 'ok',
  Wedged: 'bad',
  Hung: 'bad',
  Panicked: 'bad',
  Halted: 'bad',
  Blocked: 'bad',
  Unreachable: 'bad',
  Stalled: 'warn',
  Thrashing: 'warn',
  Frozen: 'warn',
  Silent: 'warn',
  Refused: 'warn',
  Unwell: 'warn',
  Locked: 'warn',
  Paused: 'warn',
  Stopped: 'warn',
  Elsewhere: 'warn',
  Asleep: 'none',
  'Not known': 'none',
  Starting: 'busy',
  Busy: 'busy',
} as const satisfies Readonly<Record<string, 'ok' | 'warn' | 'bad' | 'none' | 'busy'>>;
export type StateWord = keyof typeof STATE_TONES;
