// Who may enter: somebody whom a trusted proxy names, or who brings a token, or the cookie of a device that was signed in with one, or that
// of a guest whose share link has not ended.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Edge } from './edge.ts';
import type { Identity, Member } from './identity.ts';
import type { StoredDevice } from './key-file.ts';
import { digestOf, type Keyring } from './keyring.ts';
import type { EdgeRole } from './observer-group.ts';
import type { DistinctHeaders } from './proxies.ts';
import { isGuestCookie, type Shares } from './shares.ts';

export interface Credentials {
  /** The address at the other end of the socket, never one from a header. */
  readonly peer: string;
  readonly distinct: DistinctHeaders;
  /** The cookie of a device. */
  readonly cookie: string | undefined;
}

/** A person with a token signs in again after this long, and after the longer time where the device is to be remembered. */
export const DEVICE_LIFE_MS = 12 * 3_600_000;
export const REMEMBERED_LIFE_MS = 90 * 24 * 3_600_000;

/** The name of whoever brings the token of the environment. No named token has it. */
const OWNER = 'operator';

/** What was brought with the intent to come in, and is not good. */
export const WRONG = Symbol('wrong secret');

export class Access {
  readonly #token: string | undefined;
  readonly #edge: Edge;
  readonly #keyring: Keyring;
  readonly #shares: Shares;

  /** @param token that of the environment */
  constructor(token: string | undefined, edge: Edge, keyring: Keyring, shares: Shares) {
    this.#token = token;
    this.#edge = edge;
    this.#keyring = keyring;
    this.#shares = shares;
  }

  /** Who has a good token or a device never waits for the keys of the edge. */
  async identify({ peer, distinct, cookie }: Credentials): Promise<Identity | typeof WRONG | undefined> {
    const named = await this.#edge.nameFrom(peer, distinct);
    if (named.type === 'person') return personNamed(named.name, named.role);
    const other = this.#withoutEdge(distinct, cookie);
    if (named.type === 'nobody' || typeof other === 'object') return other;
    const late = await named.ask();
    return late.type === 'person' ? personNamed(late.name, late.role) : other;
  }

  #withoutEdge(distinct: DistinctHeaders, cookie: string | undefined): Identity | typeof WRONG | undefined {
    const authorization = distinct['authorization'];
    if (authorization?.length === 1) {
      const bearer = /^Bearer (.+)$/i.exec(authorization[0] ?? '')?.[1];
      if (bearer !== undefined) return this.withToken(bearer) ?? WRONG;
    }
    if (cookie === undefined) return undefined;
    if (isGuestCookie(cookie)) return this.#shares.guestOf(cookie);
    const device = this.#keyring.deviceOf(cookie);
    return device === undefined ? undefined : identityOf(device);
  }

  /** Whether somebody who was let in may stay: for what goes on after the request, such as a stream. */
  holds(identity: Identity): boolean {
    if (identity.role === 'guest') return this.#shares.hasGuest(identity.guest);
    if (identity.device !== undefined) return this.#keyring.hasDevice(identity.device);
    return this.#keyring.rootHolds(identity.root);
  }

  /** Whose token this is. */
  withToken(secret: string): Member | undefined {
    if (this.#isOwners(secret)) return this.owner;
    const token = this.#keyring.tokenOf(secret);
    if (token === undefined) return undefined;
    const { name, role, id } = token;
    return { name, how: 'token', role, root: `token:${id}` };
  }

  /** Whoever brings the token of the environment. */
  get owner(): Member {
    return { name: OWNER, how: 'token', role: 'operator', root: rootOf(this.#token ?? '') };
  }

  /** Whether anybody can sign in here, without the proxy. */
  get hasToken(): boolean {
    return this.#token !== undefined || this.#keyring.tokens().length > 0;
  }

  /** Takes the same time for every token, whatever its length, because digests are compared. */
  #isOwners(candidate: string): boolean {
    return this.#token !== undefined && timingSafeEqual(digest(candidate), digest(this.#token));
  }
}

/** The root of what was signed in with the token of the environment: another token there ends it. */
export const rootOf = (token: string): string => `environment:${digestOf(`breakglass device ${token}`)}`;

const personNamed = (name: string, role: EdgeRole): Member => ({
  name,
  how: 'proxy',
  role,
  root: `person:${name}`,
});

const identityOf = ({ id, name, role, root }: StoredDevice): Member => ({
  name,
  how: 'token',
  role,
  root,
  device: id,
});

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
