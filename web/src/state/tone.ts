/** How something is, for the eye: well, look at it, failed, not known or pending, being asked. */
export type Tone = 'ok' | 'warn' | 'bad' | 'none' | 'busy';
