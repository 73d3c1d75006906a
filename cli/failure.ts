// How the command ends when it does not end well. Exit codes are documented in docs/cli.md and never change their meaning.

export const EXIT = {
  /** The console said no, could not be reached, or the thing failed. */
  failed: 1,
  /** The command line or the environment was not understood; nothing was done. */
  usage: 2,
  /** The console does not know who asks. */
  unauthenticated: 3,
} as const;

/** The message is for a person: what happened, what to do. */
export class CliError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}
