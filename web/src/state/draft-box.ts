// What people have typed and not sent, kept in this browser: phones discard tabs, and a session may end under the fingers. One entry for
// each session, and one for the new chat of each target. Storage may be switched off; then a draft lives as long as the page.

/** Of localStorage, what is needed here. */
type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/** The longest prompt that the console takes. */
const CHARACTERS = 100_000;
/** Each is one conversation that somebody left in the middle of a sentence. */
const KEPT = 12;
const PREFIX = 'breakglass.draft.';

interface Entry {
  readonly text: string;
  readonly at: number;
}

export class DraftBox {
  readonly #store: () => Store;
  readonly #prefix: string;

  /** `who`: another person at the same browser has other drafts. */
  constructor(who: string, store: () => Store = () => localStorage) {
    this.#store = store;
    this.#prefix = `${PREFIX}${encodeURIComponent(who)}.`;
  }

  keyOf(session: string | null, target: string): string {
    return this.#prefix + (session ?? `new.${target}`);
  }

  read(key: string): string {
    try {
      return entryIn(this.#store().getItem(key)).text;
    } catch {
      return '';
    }
  }

  /** An empty text ends the entry. */
  write(key: string, text: string): void {
    try {
      const store = this.#store();
      if (text === '') store.removeItem(key);
      else {
        makeRoom(store, key, KEPT - 1);
        try {
          put(store, key, text);
        } catch {
          // It is full. What is being typed now matters most.
          makeRoom(store, key, 0);
          put(store, key, text);
        }
      }
    } catch {
      // Then it lives as long as the page.
    }
  }
}

/** Of the others only so many stay, and the oldest go first. */
const makeRoom = (store: Store, but: string, kept: number): void => {
  const others: { readonly key: string; readonly at: number }[] = [];
  for (let index = 0; index < store.length; index++) {
    const key = store.key(index);
    if (key?.startsWith(PREFIX) && key !== but) others.push({ key, at: entryIn(store.getItem(key)).at });
  }
  others.sort((a, b) => b.at - a.at);
  for (const { key } of others.slice(kept)) store.removeItem(key);
};

const put = (store: Store, key: string, text: string): void => {
  const entry: Entry = { text: text.slice(0, CHARACTERS), at: Date.now() };
  store.setItem(key, JSON.stringify(entry));
};

/** Empty where there is none, or where something else is written there. */
export const entryIn = (value: string | null): Entry => {
  try {
    const entry = JSON.parse(value ?? '') as Partial<Entry> | null;
    if (typeof entry?.text === 'string' && typeof entry.at === 'number')
      return { text: entry.text, at: entry.at };
  } catch {
    // Nobody's draft.
  }
  return { text: '', at: 0 };
};
