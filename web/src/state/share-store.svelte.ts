// The share links of one session. Loaded when somebody opens their sheet.
import type { Share, ShareMade } from '../../../protocol/access.ts';
import { endShare, fetchShares, makeShare } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';

export class ShareStore {
  readonly #session: string;
  #shares = $state.raw<readonly Share[] | null>(null);
  #made = $state.raw<ShareMade | null>(null);
  #trouble = $state('');
  #busy = $state(false);

  constructor(session: string) {
    this.#session = session;
  }

  /** Null: not known yet. */
  get shares(): readonly Share[] | null {
    return this.#shares;
  }
  /** The link that was just made, while it runs. It cannot be shown again. */
  get made(): ShareMade | null {
    const id = this.#made?.id;
    return this.#shares?.some((share) => share.id === id) ? this.#made : null;
  }
  get trouble(): string {
    return this.#trouble;
  }
  get busy(): boolean {
    return this.#busy;
  }

  load(): Promise<void> {
    return this.#do(async () => undefined);
  }
  make(minutes: number): Promise<void> {
    return this.#do(async () => {
      this.#made = await makeShare(this.#session, minutes);
    });
  }
  end(id: string): Promise<void> {
    return this.#do(() => endShare(this.#session, id));
  }

  /** What was done shows in the list, and so does what others did meanwhile. */
  async #do(act: () => Promise<unknown>): Promise<void> {
    this.#busy = true;
    this.#trouble = '';
    try {
      await act();
    } catch (error) {
      this.#trouble = asApiError(error).message;
    }
    try {
      this.#shares = (await fetchShares(this.#session)).shares;
    } catch (error) {
      this.#trouble ||= asApiError(error).message;
    } finally {
      this.#busy = false;
    }
  }
}
