// All of access in one value: who may enter, from where, and what is recorded of it.
import type { FastifyBaseLogger } from 'fastify';
import type { SessionId } from '../../protocol/ids.ts';
import type { Journal } from '../journal/port.ts';
import { Access, rootOf } from './access.ts';
import { Arrivals } from './arrivals.ts';
import { plainEdge } from './edge.ts';
import { EdgeKeys } from './edge-keys.ts';
import { EdgeRefusals } from './edge-refusals.ts';
import { EdgeArrivals } from './edge-traffic.ts';
import type { Member } from './identity.ts';
import { inMemory, openKeyFile } from './key-file.ts';
import { Keyring } from './keyring.ts';
import { type CodeFor, LoginCodes } from './login-codes.ts';
import type { ObserverGroup } from './observer-group.ts';
import { knownOrigins, type Origins } from './origins.ts';
import { Passkeys } from './passkeys.ts';
import { type Proxies, trustedProxies } from './proxies.ts';
import { type RecordAccess, recordAccess } from './record.ts';
import { Shares } from './shares.ts';
import { type SignedIdentity, signedEdge } from './signed-edge.ts';
import { WrongSecrets } from './wrong-secrets.ts';

export interface AccessConfig {
  readonly bearerToken: string | undefined;
  /** CIDR blocks whose identity header is believed. */
  readonly trustedProxies: readonly string[];
  /** Lower case. */
  readonly identityHeader: string;
  /** What the edge signs; undefined: the plain header names people. */
  readonly signed: SignedIdentity | undefined;
  /** Whom the edge counts to which group, so that they only look; undefined: everybody whom it names is an operator. */
  readonly observers: ObserverGroup | undefined;
  /** Origins such as `https://breakglass.example`, the first for links. */
  readonly publicUrls: readonly string[];
}

export interface Door {
  readonly access: Access;
  readonly keyring: Keyring;
  readonly codes: LoginCodes;
  readonly passkeys: Passkeys;
  readonly shares: Shares;
  readonly proxies: Proxies;
  readonly origins: Origins;
  readonly record: RecordAccess;
  readonly arrivals: Arrivals;
  readonly edgeArrivals: EdgeArrivals;
  readonly wrongSecrets: WrongSecrets;
  /** Whether what somebody came in by still lets them in. */
  readonly stands: (identity: Pick<Member, 'root' | 'device'>) => boolean;
  /** A link with a new one-time code, to where people reach us, or else to `here`. */
  readonly loginUrl: (of: CodeFor, here: string) => string;
  /** A share link with this code. It names the session, for whoever opens it and is in already. */
  readonly shareUrl: (session: SessionId, code: string, here: string) => string;
  /** Calls it after somebody who was in may have been put out. */
  whenEnded(listener: () => void): void;
  /** Records what was counted and is not told yet. Before the journal closes. */
  close(): void;
}

export interface DoorParts {
  readonly config: AccessConfig;
  /** Where it is written down; undefined where nothing can be written: then it lives as long as the process. */
  readonly dataDir: string | undefined;
  readonly journal: Journal | undefined;
  readonly logger: FastifyBaseLogger;
  /** The clock of share links. */
  readonly now?: () => number;
}

const TELL_EVERY_MS = 60_000;
/** A share ends at most so long after its time. Whoever asks meanwhile is refused all the same. */
const LOOK_FOR_OVER_MS = 1_000;

export function createDoor({ config, dataDir, journal, logger, now = Date.now }: DoorParts): Door {
  const file = dataDir === undefined ? inMemory() : openKeyFile(dataDir);
  if (file.trouble !== undefined) logger.error(file.trouble);
  const { bearerToken } = config;
  const isGood = (root: string): boolean =>
    root.startsWith('person:') || (bearerToken !== undefined && root === rootOf(bearerToken));
  const keyring = new Keyring(file, isGood);
  const proxies = trustedProxies(config.trustedProxies, config.identityHeader);
  const record = recordAccess(journal, logger);
  const shares = new Shares({
    file,
    keyring,
    now,
    isOver: ({ session, made_by }) =>
      record({
        what: 'share_ended',
        detail: `The share link of session ${session}, made by ${made_by}, ended by itself.`,
      }),
  });
  const looking = setInterval(() => shares.sweep(), LOOK_FOR_OVER_MS).unref();
  const wrongSecrets = new WrongSecrets((address, times) =>
    record({ what: 'refused', detail: `A wrong secret was sent from ${address}.`, address, times }),
  );
  const refusals = new EdgeRefusals((why, times) =>
    record({ what: 'refused', detail: `A signed identity of the proxy was not believed: ${why}.`, times }),
  );
  const telling = setInterval(() => {
    wrongSecrets.tellPast();
    refusals.tell('past');
  }, TELL_EVERY_MS).unref();
  const { signed } = config;
  const keys = signed === undefined ? undefined : new EdgeKeys({ url: signed.jwksUrl, dataDir, logger });
  // Nobody waits for it.
  void keys?.ask();
  const edge =
    signed === undefined || keys === undefined
      ? plainEdge(proxies, config.observers)
      : signedEdge({
          config: signed,
          proxies,
          observers: config.observers,
          plainHeader: config.identityHeader,
          keys,
          refused: (why) => refusals.note(why),
        });
  const codes = new LoginCodes();
  const origins = knownOrigins(config.publicUrls);
  return {
    access: new Access(bearerToken, edge, keyring, shares),
    keyring,
    codes,
    passkeys: new Passkeys(keyring),
    shares,
    proxies,
    origins,
    record,
    arrivals: new Arrivals(),
    edgeArrivals: new EdgeArrivals(),
    wrongSecrets,
    stands: ({ root, device }) =>
      device === undefined ? keyring.rootHolds(root) : keyring.hasDevice(device),
    // The code stands in the fragment: no server, proxy or log sees it, and whoever only fetches the link does not spend it.
    loginUrl: (of, here) => `${origins.publicUrl ?? here}/#login=${codes.make(of)}`,
    // Where an edge asks its sign-on for everything else, a guest is let through to this path: they need not be known there.
    shareUrl: (session, code, here) => `${origins.publicUrl ?? here}/sign-in#/s/${session}/share/${code}`,
    whenEnded(listener) {
      keyring.whenEnded(listener);
      shares.whenEnded(listener);
    },
    close() {
      clearInterval(telling);
      clearInterval(looking);
      wrongSecrets.tellAll();
      refusals.tell('all');
      keys?.close();
    },
  };
}
