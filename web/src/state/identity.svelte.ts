// Who the operator is to this console and what the console can do. Decides between login, page and "cannot reach it".
import type { TargetName } from '../../../protocol/ids.ts';
import type { Me } from '../../../protocol/me.ts';
import { fetchMe, fetchWaysIn, login, logout, passkeySignInOptions } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { linkOf, type OpenedLink, sessionHash } from './route-hash.ts';

/**
 * `ready` without `me`: the console cannot say who is asking, but power must be reachable all the same. `share-over`: this browser watched
 * by a share link, and that has ended.
 */
export type Gate = 'loading' | 'login' | 'share-over' | 'unreachable' | 'ready';

const RETRY_MS = 5_000;

export class Identity {
  #gate = $state<Gate>('loading');
  #me = $state.raw<Me | null>(null);
  #loginError = $state('');
  #busy = $state(false);
  #hasPasskeys = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #link = $state.raw(takeLink(location.hash));

  constructor() {
    // A link that is opened in a tab of ours loads nothing anew.
    addEventListener('hashchange', () => {
      const opened = takeLink(location.hash);
      if (opened === undefined) return;
      this.#link = opened;
      void this.load();
    });
  }

  get gate(): Gate {
    return this.#gate;
  }
  get me(): Me | null {
    return this.#me;
  }
  get loginError(): string {
    return this.#loginError;
  }
  /** The address was a login link. It is spent only when the person taps: a preview must not do that. */
  get link(): OpenedLink['kind'] | undefined {
    return this.#link?.kind;
  }
  /** Whether anybody has a passkey here. False until `askForWaysIn` has its answer. */
  get hasPasskeys(): boolean {
    return this.#hasPasskeys;
  }
  /** Looks, and changes nothing. */
  get onlyLooks(): boolean {
    return this.#me?.role === 'observer' || this.#me?.role === 'guest';
  }
  get busy(): boolean {
    return this.#busy;
  }
  /** The default target. */
  get target(): string {
    return this.#me?.target.name ?? 'devvm';
  }
  /** All targets. Only the default one until the console has answered, or if it is older than this page and cannot say. */
  get targets(): Me['targets'] {
    return this.#me?.targets ?? [{ name: this.target as TargetName }];
  }
  /** Whether there is more than one target. If not, the page is as it was before there could be several. */
  get several(): boolean {
    return this.targets.length > 1;
  }

  async load(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      this.#me = await fetchMe();
      this.#gate = this.#isForAnother() ? 'login' : 'ready';
      if (isAtSignIn()) history.replaceState(null, '', `/${location.hash}`);
    } catch (error) {
      const { status, body } = asApiError(error);
      if (body.code === 'share-over' && this.#link === undefined) {
        this.#gate = 'share-over';
      } else if (status === 401 || isAtSignIn()) {
        this.#gate = 'login';
      } else if (status === 0 || status === 502 || status === 504) {
        // One failed request is no reason to take away a page that works.
        if (this.#gate !== 'ready') this.#gate = 'unreachable';
        this.#timer = setTimeout(() => void this.load(), RETRY_MS);
      } else {
        this.#gate = 'ready';
      }
    }
  }

  /** Whether a share link was opened that lets this browser watch what it cannot see yet. Whoever is signed in needs none: they see the session. */
  #isForAnother(): boolean {
    const watched = this.#me?.watches?.session_id;
    const opened = this.#link;
    if (opened?.kind !== 'share') return false;
    if (watched !== undefined && watched !== opened.session) return true;
    this.#link = undefined;
    return false;
  }

  /** For whoever has to sign in. A console that does not say offers what there always was. */
  async askForWaysIn(): Promise<void> {
    this.#hasPasskeys = await fetchWaysIn().then(
      ({ passkey }) => passkey,
      () => false,
    );
  }

  /** With the code of the link, if there is one, else with what was typed: a token, or a code. */
  signIn(typed: string, remember: boolean): Promise<void> {
    const given = this.#link?.code ?? typed.trim();
    const isCode = this.#link !== undefined || /^[0-9A-HJKMNP-TV-Z]{20}$/i.test(given);
    return this.#signIn(() => login(isCode ? { code: given } : { token: given }, remember));
  }

  /** Asks the browser, and by it the person. */
  signInWithPasskey(remember: boolean): Promise<void> {
    return this.#signIn(async () => {
      const { askForPasskey } = await import('../api/passkey-prompt.ts');
      return login({ passkey: await askForPasskey(await passkeySignInOptions()) }, remember);
    });
  }

  async #signIn(act: () => Promise<void>): Promise<void> {
    this.#busy = true;
    this.#loginError = '';
    try {
      await act();
      this.#link = undefined;
      await this.load();
    } catch (error) {
      const { status, message } = asApiError(error);
      if (status === 401 && this.#link?.kind === 'share') this.#gate = 'share-over';
      else this.#loginError = message;
      // The console was not reached, so the code is still good.
      if (status !== 0) this.#link = undefined;
    } finally {
      this.#busy = false;
    }
  }

  async signOut(): Promise<void> {
    await logout().catch(() => undefined);
    location.reload();
  }

  /** A request was answered 401: the cookie is gone or has expired. */
  expired(): void {
    this.#gate = this.#me?.role === 'guest' ? 'share-over' : 'login';
  }

  /** Whoever watched until now may also have a way to sign in. */
  toLogin(): void {
    this.#me = null;
    this.#gate = 'login';
  }
}

/** Where people come who want to sign in here, because single sign-on before us is down: then it is the edge that answers, and anything. */
const isAtSignIn = (): boolean => location.pathname === '/sign-in';

/** Takes the code out of the address, so that it stays neither there nor in the history. */
function takeLink(hash: string): OpenedLink | undefined {
  const opened = linkOf(hash);
  if (opened !== undefined)
    history.replaceState(null, '', opened.kind === 'share' ? sessionHash(opened.session) : '#/');
  return opened;
}
