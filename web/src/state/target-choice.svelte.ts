// Decides which target the page shows: only the one that the address names. If that is not known, no target is shown,
// because none is better than a wrong one.
import type { SessionId } from '../../../protocol/ids.ts';
import { asApiError } from '../api/http.ts';
import { fetchSessionTarget } from '../api/session-target.ts';
import { keptFor } from './browser-memory.ts';
import type { Identity } from './identity.svelte.ts';
import type { Place } from './route-hash.ts';

export type Choice =
  | { readonly kind: 'target'; readonly name: string }
  /** The address names a session, and the console is being asked which target it belongs to. */
  | { readonly kind: 'asking'; readonly session: SessionId }
  /** `again`: asking once more may help. */
  | { readonly kind: 'none'; readonly why: string; readonly again: boolean };

const NO_SUCH_SESSION = 'The console does not know this session any more.';

/** The name of the target for `keptFor`. */
export const keptName = (identity: Identity, target: string): string | undefined =>
  target === identity.target ? undefined : target;

export class TargetChoice {
  readonly #identity: Identity;
  readonly #place: () => Place;
  #owners = $state.raw<ReadonlyMap<string, string>>(new Map());
  #failures = $state.raw<ReadonlyMap<string, string>>(new Map());
  readonly #asked = new Set<string>();
  readonly #current = $derived.by(() => this.#choose());

  constructor(identity: Identity, place: () => Place) {
    this.#identity = identity;
    this.#place = place;
  }

  get current(): Choice {
    return this.#current;
  }
  /** The chosen target if addresses must name it, because there are several. */
  get named(): string | undefined {
    const choice = this.#current;
    return this.#identity.several && choice.kind === 'target' ? choice.name : undefined;
  }

  /** Notes which target a session belongs to. */
  learn(session: string, target: string): void {
    this.#owners = new Map(this.#owners).set(session, target);
  }

  async ask(session: SessionId): Promise<void> {
    if (this.#asked.has(session)) return;
    this.#asked.add(session);
    try {
      this.learn(session, (await fetchSessionTarget(session)) ?? this.#identity.target);
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401) this.#identity.expired();
      this.#fail(session, status === 404 ? NO_SUCH_SESSION : message);
      this.#asked.delete(session);
    }
  }

  /** Asks once more about the session that the address names, after a failure. */
  askAgain(): void {
    const { session } = this.#place();
    if (session !== undefined) this.#fail(session, undefined);
  }

  #choose(): Choice {
    const { target, session } = this.#place();
    if (target === 'unreadable')
      return { kind: 'none', why: 'This address does not name a valid target.', again: false };
    if (target !== 'none') return this.#known(target.name);
    if (session === undefined || !this.#identity.several)
      return { kind: 'target', name: this.#identity.target };
    const owner = this.#owners.get(session) ?? this.#rememberedOwner(session);
    if (owner !== undefined) return this.#known(owner);
    const why = this.#failures.get(session);
    return why === undefined ? { kind: 'asking', session } : { kind: 'none', why, again: true };
  }

  #known(name: string): Choice {
    // A console that cannot say who is asking may still know this target.
    if (this.#identity.me === null || this.#identity.targets.some((target) => target.name === name))
      return { kind: 'target', name };
    return { kind: 'none', why: `This console has no target named ${name}.`, again: false };
  }

  #rememberedOwner(session: string): string | undefined {
    return this.#identity.targets.find(
      ({ name }) => keptFor('session', keptName(this.#identity, name)).recall() === session,
    )?.name;
  }

  #fail(session: string, why: string | undefined): void {
    const failures = new Map(this.#failures);
    if (why === undefined) failures.delete(session);
    else failures.set(session, why);
    this.#failures = failures;
  }
}
