// Whom the edge names: the proxy before us, where people sign in. It is believed by its address, and where the edge signs what it says,
// by that too (signed-edge.ts).
import { type EdgeRole, type ObserverGroup, roleInHeaders } from './observer-group.ts';
import type { DistinctHeaders, Proxies } from './proxies.ts';

export type Named =
  | { readonly type: 'person'; readonly name: string; readonly role: EdgeRole }
  | { readonly type: 'nobody' }
  /** Perhaps somebody: the key that signed it is not known here. Asking for it takes a moment, and there may be no answer. */
  | { readonly type: 'key-unknown'; readonly ask: () => Promise<Named> };

export interface Edge {
  /** With what is known here: it waits for no network. */
  readonly nameFrom: (peer: string, headers: DistinctHeaders) => Promise<Named>;
}

export const NOBODY: Named = { type: 'nobody' };

export const plainEdge = (proxies: Proxies, observers: ObserverGroup | undefined): Edge => ({
  async nameFrom(peer, headers) {
    const name = proxies.nameFrom(peer, headers);
    return name === undefined ? NOBODY : { type: 'person', name, role: roleInHeaders(observers, headers) };
  },
});
