// Who somebody is, once they were let in.

/** `observer` sees everything and changes nothing; `operator` may do all; `alerts` only delivers alerts. */
export type Role = 'operator' | 'observer' | 'alerts';

export interface Identity {
  readonly name: string;
  /** Who vouches for the name. The same name by another way is somebody else. */
  readonly how: 'proxy' | 'token';
  readonly role: Role;
  /** What brought it in. A device that this person signs in ends together with it. */
  readonly root: string;
  /** The signed-in device that this request came from, where it came with a cookie. */
  readonly device?: string;
}

/** The same for two requests of one person, and for nobody else. */
export const keyOf = ({ how, name }: Pick<Identity, 'how' | 'name'>): string => `${how}:${name}`;
