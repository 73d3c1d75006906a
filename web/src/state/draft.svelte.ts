// The text in the composer of one target: typed but not sent. It is kept under the session that it was typed for, and what another tab
// of the same session typed is taken over, but never in place of what is being typed here.
import { type DraftBox, entryIn } from './draft-box.ts';

/** A text on its way to the console. It stays in the browser until it has arrived: the tab may not live so long. */
interface Taken {
  readonly text: string;
  key: string;
}

export class Draft {
  readonly #box: DraftBox;
  readonly #target: string;
  #key: string;
  #text = $state('');
  /** A person typed here since the text came from elsewhere. */
  #typedHere = false;
  #taken: Taken | null = null;

  constructor(box: DraftBox, target: string) {
    this.#box = box;
    this.#target = target;
    this.#key = box.keyOf(null, target);
    this.#text = box.read(this.#key);
  }

  get text(): string {
    return this.#text;
  }
  set text(text: string) {
    if (text === this.#text) return;
    this.#text = text;
    this.#typedHere = text !== '';
    this.#keep();
  }

  /** Another session is shown (null: none yet), with what was typed for that one. */
  turnTo(session: string | null): void {
    const key = this.#box.keyOf(session, this.#target);
    if (key === this.#key) return;
    this.#key = key;
    this.#text = this.#box.read(key);
    this.#typedHere = false;
  }

  /** The conversation has become this session, or is without one again: what was typed, and what is on its way, goes with it. */
  carryTo(session: string | null): void {
    const [text, before] = [this.#text, this.#key];
    this.turnTo(session);
    if (before === this.#key) return;
    if (this.#taken?.key === before) this.#taken.key = this.#key;
    this.#box.write(before, '');
    if (text !== '') this.#put(joined(text, this.#text));
    else this.#keep();
  }

  /** Takes the text out to be sent. `done` is to be told what became of it. */
  take(): { readonly text: string; readonly done: (isSent: boolean) => void } {
    const taken: Taken = { text: this.#text, key: this.#key };
    this.#taken = taken;
    this.#text = '';
    this.#typedHere = false;
    return {
      text: taken.text,
      done: (isSent) => {
        if (this.#taken === taken) this.#taken = null;
        if (taken.key === this.#key) {
          if (isSent) this.#keep();
          else this.giveBack(taken.text);
        } else if (isSent) {
          // Another session is shown by now.
          this.#box.write(taken.key, without(taken.text, this.#box.read(taken.key)));
        }
      },
    };
  }

  /** A text that was not taken after all, before what has been typed meanwhile. */
  giveBack(text: string): void {
    this.#put(joined(text, this.#text));
  }

  /** Hears of other tabs. Returns what stops it. */
  watch(): () => void {
    const heard = ({ key, oldValue, newValue }: StorageEvent): void => {
      if (key !== this.#key || this.#taken !== null) return;
      // What stands here was sent there.
      const wasSent = newValue === null && entryIn(oldValue).text === this.#text;
      if (this.#typedHere && !wasSent) return;
      this.#text = entryIn(newValue).text;
      this.#typedHere = false;
    };
    addEventListener('storage', heard);
    return () => removeEventListener('storage', heard);
  }

  #put(text: string): void {
    this.#text = text;
    this.#typedHere = true;
    this.#keep();
  }

  #keep(): void {
    const onItsWay = this.#taken?.key === this.#key ? this.#taken.text : '';
    this.#box.write(this.#key, onItsWay === '' ? this.#text : joined(onItsWay, this.#text));
  }
}

const joined = (first: string, then: string): string =>
  then.trim() === '' || then === first ? first : `${first}\n\n${then}`;

const without = (sent: string, kept: string): string =>
  kept === sent ? '' : kept.startsWith(`${sent}\n\n`) ? kept.slice(sent.length + 2) : kept;
