// Who somebody is, once they were let in.
import type { SessionId, TargetName } from '../../protocol/ids.ts';

/** `observer` sees everything and changes nothing; `operator` may do all; `alerts` only delivers alerts. */
export type Role = 'operator' | 'observer' | 'alerts';

interface Named {
  readonly name: string;
  /** What brought it in. What this person makes, such as another device, ends together with it. */
  readonly root: string;
}

export interface Member extends Named {
  /** Who vouches for the name. The same name by another way is somebody else. */
  readonly how: 'proxy' | 'token';
  readonly role: Role;
  /** The signed-in device that this request came from, where it came with a cookie. */
  readonly device?: string;
}

/** Watches one session, by a share link, until that ends. */
export interface Guest extends Named {
  readonly how: 'share';
  readonly role: 'guest';
  readonly guest: string;
  readonly share: string;
  readonly session: SessionId;
  readonly target: TargetName;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

export type Identity = Member | Guest;

/** The same for two requests of one person, and for nobody else. All guests of one share are one. */
export const keyOf = (identity: Identity): string =>
  identity.role === 'guest' ? `share:${identity.share}` : `${identity.how}:${identity.name}`;
