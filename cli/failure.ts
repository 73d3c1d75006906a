// How the command ends when something went wrong. docs/cli.md documents the exit codes; their meaning never changes.

export const EXIT = {
  /** The console said no, could not be reached, or the thing failed. */
  failed: 1,
  /** The command line or the environment was not understood, or nobody was there to confirm; nothing was done. */
  usage: 2,
  /** The console does not know who asks. */
  unauthenticated: 3,
  /** The verb contradicts what triage found, and nobody pressed a second time; nothing was done. */
  contradicts: 4,
  /** Ctrl-C: the command ended; what it watched goes on. */
  interrupted: 130,
} as const;

/** The message is for a person: what happened, what to do. */
export class CliError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The console answered, and said no. */
export class ConsoleRefusal extends CliError {
  /** Stable for programs; undefined where the answer was no problem of a console. */
  readonly code: string | undefined;
  /** All of the answer. */
  readonly problem: Readonly<Record<string, unknown>>;
  constructor(message: string, exitCode: number, problem: Readonly<Record<string, unknown>>) {
    super(message, exitCode);
    this.problem = problem;
    this.code = typeof problem['code'] === 'string' ? problem['code'] : undefined;
  }
}

/** There was no answer, or it broke off: nobody knows whether the console has heard. */
export class NoAnswer extends CliError {}
