// The passkeys of this console: listed, added on this device, removed.
import type { Passkey } from '../../../protocol/access.ts';
import { addPasskey, fetchPasskeys, passkeyOptions, removePasskey } from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';
import { whyNoPasskeys } from '../api/passkey-support.ts';

export class PasskeyStore {
  #passkeys = $state.raw<readonly Passkey[] | null>(null);
  #whyNot = $state('');
  #trouble = $state('');
  #busy = $state(false);

  /** Null: not known yet. */
  get passkeys(): readonly Passkey[] | null {
    return this.#passkeys;
  }
  /** Why none can be added here, or nothing. */
  get whyNot(): string {
    return this.#whyNot;
  }
  get trouble(): string {
    return this.#trouble;
  }
  get busy(): boolean {
    return this.#busy;
  }

  load(): Promise<boolean> {
    return this.#do(async () => undefined);
  }
  /** Whether it was added. */
  add(name: string): Promise<boolean> {
    return this.#do(async () => {
      const { makePasskey } = await import('../api/passkey-prompt.ts');
      return addPasskey(name, await makePasskey(await passkeyOptions()));
    });
  }
  remove(id: string): Promise<boolean> {
    return this.#do(() => removePasskey(id));
  }

  async #do(act: () => Promise<unknown>): Promise<boolean> {
    this.#busy = true;
    this.#trouble = '';
    let done = false;
    try {
      await act();
      done = true;
    } catch (error) {
      this.#trouble = asApiError(error).message;
    }
    try {
      const { passkeys, why_not } = await fetchPasskeys();
      this.#passkeys = passkeys;
      this.#whyNot = why_not ?? whyNoPasskeys() ?? '';
    } catch (error) {
      this.#trouble ||= asApiError(error).message;
    } finally {
      this.#busy = false;
    }
    return done;
  }
}
