// A program of the guest: from a command line and the guest's state to what it prints. None of them waits.
import type { User } from '../guest/accounts.ts';
import type { Guest } from '../guest/guest.ts';
import { SysError } from '../guest/tree.ts';

export interface Call {
  readonly guest: Guest;
  readonly args: readonly string[];
  readonly who: User;
  readonly cwd: string;
  /** The session of the shell that runs it. */
  readonly sess: number;
}

export interface Answer {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

export type Program = (call: Call) => Answer;

export const done = (out: string, err = '', code = err === '' ? 0 : 1): Answer => ({ out, err, code });

/** Does it for each name, and says of each refusal what the program and the kernel say. */
export const forEach = <T>(
  names: readonly string[],
  refused: (name: string, reason: string) => string,
  work: (name: string) => T,
): { values: T[]; err: string } => {
  let err = '';
  const values = names.flatMap((name) => {
    try {
      return [work(name)];
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      err += `${refused(name, error.message)}\n`;
      return [];
    }
  });
  return { values, err };
};

export interface Options {
  has(...names: string[]): boolean;
  /** The last value given. */
  value(...names: string[]): string | undefined;
  /** Every value given, lists at commas and blanks apart. */
  all(...names: string[]): string[];
  readonly operands: readonly string[];
}

/** An option that the program does not have here, or a question for its options: the rest is not run. */
export class Usage extends Error {
  readonly isHelp: boolean;
  constructor(message: string, isHelp = false) {
    super(message);
    this.isHelp = isHelp;
  }
}

/**
 * A command line as getopt reads it. A letter with `:` behind it takes a value, as does a name with `=`; with `?` only where it is
 * glued on. What is not named is refused: an answer that ignores an option would be a wrong one.
 */
export const optionsOf = (args: readonly string[], letters = '', names = ''): Options => {
  const given: [name: string, value: string][] = [];
  const operands: string[] = [];
  const rest = [...args];
  const long = new Map(names.split(' ').map((name) => [name.replace(/[=?]$/, ''), name.at(-1)]));
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, name, glued] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (arg === '--') operands.push(...rest.splice(0));
    else if (name === 'help') throw new Usage(`[-${letters}] ${names.replaceAll(/\S+/g, '[--$&]')}`, true);
    else if (name !== undefined) {
      if (!long.has(name)) throw new Usage(`unrecognized option '--${name}'`);
      given.push([name, glued ?? (long.get(name) === '=' ? (rest.shift() ?? '') : '')]);
    } else if (!/^-./.test(arg)) operands.push(arg);
    else
      for (const [at, letter] of arg.slice(1).split('').entries()) {
        if (!letters.replaceAll(':', '').includes(letter)) throw new Usage(`invalid option -- '${letter}'`);
        if (letters.includes(`${letter}:`)) {
          given.push([letter, arg.slice(at + 2) || (rest.shift() ?? '')]);
          break;
        }
        given.push([letter, '']);
      }
  }
  const values = (wanted: readonly string[]): string[] =>
    given.filter(([name]) => wanted.includes(name)).map(([, value]) => value);
  return {
    has: (...wanted) => values(wanted).length > 0,
    value: (...wanted) => values(wanted).at(-1),
    all: (...wanted) => values(wanted).flatMap((text) => text.split(/[,\s]+/)),
    operands,
  };
};
