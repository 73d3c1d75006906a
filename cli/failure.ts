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
  /** @param options the refusal of the console that it was made of, as the cause */
  constructor(message: string, exitCode: number = EXIT.failed, options?: ErrorOptions) {
    super(message, options);
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

/** What `--json` prints of a failure: the problem as the console sent it, where there was one, with the sentence that is on stderr. */
export function failureOf(error: CliError): { readonly error: Readonly<Record<string, unknown>> } {
  const refusal = [error, error.cause].find((each) => each instanceof ConsoleRefusal);
  return {
    error: {
      ...refusal?.problem,
      code:
        refusal?.code ?? (error instanceof NoAnswer ? 'no-answer' : (CODES.get(error.exitCode) ?? 'failed')),
      detail: error.message,
      exit_code: error.exitCode,
    },
  };
}

/** For programs, where the console gave none. */
const CODES: ReadonlyMap<number, string> = new Map([
  [EXIT.usage, 'usage'],
  [EXIT.unauthenticated, 'unauthenticated'],
  [EXIT.contradicts, 'contradicts-finding'],
  [EXIT.interrupted, 'interrupted'],
]);
