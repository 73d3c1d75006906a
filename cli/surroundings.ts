// What a command finds around it: where it prints, whom it can ask, how it is interrupted.

export type Env = Readonly<Record<string, string | undefined>>;

/** A word of the line that is coloured where there is colour. */
export interface Tint {
  readonly word: string;
  readonly tone: 'good' | 'doubtful' | 'bad';
}

export type Print = (line: string, tint?: Tint) => void;

/** A person at a keyboard. */
export interface Terminal {
  /**
   * The line that is typed after the question. What was typed before it answers nothing.
   * Undefined: the input ended, or the signal came first.
   */
  ask(question: string, signal?: AbortSignal): Promise<string | undefined>;
}

export interface Room {
  /** Data: stdout. */
  readonly print: Print;
  /** A piece of a line of data. */
  readonly write: (text: string) => void;
  /** Everything else: stderr. */
  readonly talk: Print;
  /** How wide the terminal behind stderr is; undefined: it is none. */
  readonly columns?: () => number | undefined;
  /** Undefined: nobody is there, as in a script. It listens from the first call on. */
  readonly terminal: (() => Terminal) | undefined;
  /** Calls the listener at each Ctrl-C, in place of ending the process. The function that comes back undoes it. */
  readonly onInterrupt: (listener: () => void) => () => void;
}
