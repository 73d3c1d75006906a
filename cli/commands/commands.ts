// What each group of commands is made with.
import type { Command } from 'commander';
import type { ConsoleAddress } from '../console-client.ts';
import { CliError, EXIT } from '../failure.ts';
import type { Env, Room } from '../surroundings.ts';

export interface Commands {
  readonly program: Command;
  readonly room: Room;
  readonly env: Env;
  /** Throws a CliError where it is not understood. */
  readonly address: (how?: { readonly quiet: boolean }) => ConsoleAddress;
  /** Of the process; a command that says nothing ends with 0. */
  readonly exit: (code: number) => void;
}

export const AS_JSON = ['--json', 'the answer of the console as JSON', false] as const;

export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CliError(`${JSON.stringify(text)} is not understood. Expected a whole number.`, EXIT.usage);
}
