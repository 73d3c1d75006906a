// Everything that the page holds of one target. It is made when the target is first shown and kept while the page lives, so
// that a person who comes back finds what was typed, refused or found. Only the desk that is shown asks the console.
import type { WireEvent } from '../../../protocol/events.ts';
import type { TargetState } from '../../../protocol/me.ts';
import { answerIfSeen } from '../api/seen.ts';
import { keptFor } from './browser-memory.ts';
import { DraftBox } from './draft-box.ts';
import type { Identity } from './identity.svelte.ts';
import { Notices } from './notices.svelte.ts';
import { PolicyStore } from './policy-store.svelte.ts';
import { PowerStore } from './power-store.svelte.ts';
import type { Route } from './route.svelte.ts';
import { SessionStore } from './session-store.svelte.ts';
import { keptName, type TargetChoice } from './target-choice.svelte.ts';

interface DeskParts {
  readonly identity: Identity;
  readonly route: Route;
  readonly choice: TargetChoice;
  /** Called for each event of an open session; `live`: not of the replay. */
  readonly heard: (event: WireEvent, live: boolean) => void;
}

export interface Desk {
  readonly target: string;
  readonly notices: Notices;
  readonly power: PowerStore;
  /** Null in power-only mode, and where there is none to look at. When the mode changes, the whole page is made anew. */
  readonly session: SessionStore | null;
  /** What the agent may do in that session. */
  readonly policy: PolicyStore;
}

/** Whoever only looks opens no session, and sees one that they chose or whose address they were given. */
const hasSession = ({ identity, route }: Pick<DeskParts, 'identity' | 'route'>): boolean =>
  identity.me?.mode !== 'power-only' && !(identity.onlyLooks && route.place.session === undefined);

const createDesk = (
  target: string,
  drafts: DraftBox,
  { identity, route, choice, heard }: DeskParts,
): Desk => {
  const notices = new Notices();
  const signedOut = () => identity.expired();
  const name = keptName(identity, target);
  const power = new PowerStore({
    target,
    signedOut,
    kept: keptFor('operation', name),
  });
  const policy = new PolicyStore({
    session: () => session?.id ?? null,
    notice: (text) => notices.show(text),
    signedOut,
  });
  const session: SessionStore | null = !hasSession({ identity, route })
    ? null
    : new SessionStore({
        target,
        several: () => identity.several,
        kept: keptFor('session', name),
        drafts,
        notices,
        mayOpen: () => !identity.onlyLooks,
        answers: () => !power.unreachable,
        signedOut,
        shown: (id) => {
          choice.learn(id, target);
          route.replaceSession(id);
        },
        none: () => route.markNew(),
        anew: () => route.newChat(),
        event: (event, live) => {
          heard(event, live);
          policy.heard(event, live);
          if (!live) return;
          // Only who could do something about it counts as a person who looks.
          if (event.kind === 'looking' && !identity.onlyLooks) answerIfSeen(event.nonce);
          if (event.kind === 'power_started' && event.operation_id)
            power.follow(event.operation_id, event.verb);
          if (event.kind === 'power_finished') void power.refresh();
        },
        foreign: (id, owner) => {
          choice.learn(id, owner);
          // If the address names that session, the page now turns to its target. Else this browser kept it for the wrong target.
          if (route.place.session !== id) route.markNew();
        },
      });
  return { target, notices, power, session, policy };
};

export interface Desks {
  /** The desk of a target, made on the first call. */
  of(target: string): Desk;
  /** The last readings of the targets that were shown so far. */
  readings(): readonly TargetState[];
}

export const createDesks = (parts: DeskParts): Desks => {
  const desks = new Map<string, Desk>();
  const drafts = new DraftBox(parts.identity.me?.name ?? '');
  return {
    of(target) {
      const known = desks.get(target);
      // Whoever only looks has chosen a session to look at.
      const isOutdated = known?.session === null && hasSession(parts);
      const desk = known === undefined || isOutdated ? createDesk(target, drafts, parts) : known;
      desks.set(target, desk);
      return desk;
    },
    readings: () => [...desks.values()].flatMap(({ power }) => power.state ?? []),
  };
};
