// How the command ends when something went wrong. docs/cli.md documents the exit codes; their meaning never changes.

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
