// Who can come in: devices, named tokens, login links. Loaded when somebody opens the list.
import type { Device, LoginLink, Role, Token, TokenMade } from '../../../protocol/access.ts';
import {
  endDevice,
  endOtherDevices,
  fetchDevices,
  fetchTokens,
  makeLoginLink,
  makeToken,
  revokeToken,
} from '../api/console-api.ts';
import { asApiError } from '../api/http.ts';

export class AccessStore {
  #devices = $state.raw<readonly Device[] | null>(null);
  #tokens = $state.raw<readonly Token[] | null>(null);
  #link = $state.raw<LoginLink | null>(null);
  #made = $state.raw<TokenMade | null>(null);
  #trouble = $state('');
  #busy = $state(false);

  /** Null: not known yet. */
  get devices(): readonly Device[] | null {
    return this.#devices;
  }
  get tokens(): readonly Token[] | null {
    return this.#tokens;
  }
  get link(): LoginLink | null {
    return this.#link;
  }
  /** The token that was just made, with its secret. */
  get made(): TokenMade | null {
    return this.#made;
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
  endDevice(id: string): Promise<void> {
    return this.#do(() => endDevice(id));
  }
  endOthers(): Promise<void> {
    return this.#do(endOtherDevices);
  }
  revoke(id: string): Promise<void> {
    return this.#do(() => revokeToken(id));
  }
  makeLink(): Promise<void> {
    return this.#do(async () => {
      this.#link = await makeLoginLink();
    });
  }
  makeToken(name: string, role: Role): Promise<void> {
    return this.#do(async () => {
      this.#made = await makeToken(name, role);
    });
  }

  /** What was done shows in the lists, and so does what others did meanwhile. */
  async #do(act: () => Promise<unknown>): Promise<void> {
    this.#busy = true;
    this.#trouble = '';
    try {
      await act();
    } catch (error) {
      this.#trouble = asApiError(error).message;
    }
    try {
      const [{ devices }, { tokens }] = await Promise.all([fetchDevices(), fetchTokens()]);
      this.#devices = devices;
      this.#tokens = tokens;
    } catch (error) {
      this.#trouble ||= asApiError(error).message;
    } finally {
      this.#busy = false;
    }
  }
}
