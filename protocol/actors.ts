// The actors that are no people. Plain: types only.
import type { Actor } from './operations.ts';

/** The server itself, for what nobody asked for. */
export const SERVER = { type: 'server', name: 'breakglass' } as const satisfies Actor;

/** Claude, in whatever session. */
export const AGENT = { type: 'agent', name: 'claude' } as const satisfies Actor;
