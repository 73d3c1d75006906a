// The command line: its options, and how everything that is printed becomes harmless. The commands are in commands/; each is a function in a
// file of its own.
import { Command, CommanderError } from 'commander';
import { visibleJson, visibleLine, visibleText } from '../protocol/visible-text.ts';
import { tinted } from './colour.ts';
import { accessCommands } from './commands/access.ts';
import { agentCommands } from './commands/agent.ts';
import { careCommands } from './commands/care.ts';
import type { Commands } from './commands/commands.ts';
import { type LocalCommands, machineCommands } from './commands/machine.ts';
import { recordCommands } from './commands/record.ts';
import { rescueCommands } from './commands/rescue.ts';
import { consoleAddress } from './console-client.ts';
import { CliError, EXIT, failureOf } from './failure.ts';
import type { Env, Print, Room } from './surroundings.ts';

export interface Surroundings extends Pick<Room, 'terminal' | 'columns' | 'onInterrupt'> {
  readonly env: Env;
  /** A piece of text to stdout, and to stderr. */
  readonly write: (text: string) => void;
  readonly writeTalk: (text: string) => void;
  /** Whether a line there may be coloured. */
  readonly colour: { readonly stdout: boolean; readonly stderr: boolean };
  readonly local: LocalCommands;
  readonly version: string;
}

/** Runs one command line (without the program's name) and resolves with the exit code. */
export async function runCommand(argv: readonly string[], around: Surroundings): Promise<number> {
  const { env, colour, terminal, columns = () => undefined, onInterrupt } = around;
  const { print, talk } = linesOf(around, colour);
  const program = new Command('breakglass')
    .description('Gets a wedged Proxmox VM back.')
    .version(around.version)
    .option('--url <address>', 'the console to talk to (or set BREAKGLASS_URL)')
    .option('--token-file <file>', 'a file with the access token (or set BREAKGLASS_TOKEN)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => print(text.trimEnd()), writeErr: (text) => talk(text.trimEnd()) });
  let exitCode = 0;
  const commands: Commands = {
    program,
    room: { print, talk, write: (text) => around.write(visibleText(text)), terminal, columns, onInterrupt },
    env,
    address: ({ quiet } = { quiet: false }) => consoleAddress(program.opts(), env, quiet ? () => {} : talk),
    exit: (code) => {
      exitCode = code;
    },
  };
  rescueCommands(commands);
  agentCommands(commands);
  recordCommands(commands);
  careCommands(commands);
  accessCommands(commands);
  machineCommands(commands, around.local);

  // A program that reads JSON is told of a failure in JSON too: one line, as each event of `ask` is.
  const failed = (error: CliError): number => {
    if (argv.includes('--json')) print(visibleJson(failureOf(error), 0));
    return error.exitCode;
  };
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError)
      return error.exitCode === 0
        ? 0
        : failed(new CliError(error.message.replace(/^error: /, ''), EXIT.usage));
    if (!(error instanceof CliError)) throw error;
    talk(`breakglass: ${visibleLine(error.message)}`);
    return failed(error);
  }
}

/** What a VM wrote may be in every line. It must not command the terminal of whoever reads it. */
function linesOf(
  { write, writeTalk }: Surroundings,
  colour: Surroundings['colour'],
): { readonly print: Print; readonly talk: Print } {
  const printTo =
    (out: (text: string) => void, coloured: boolean): Print =>
    (line, tint) => {
      const visible = visibleText(line);
      out(`${coloured && tint !== undefined ? tinted(visible, tint) : visible}\n`);
    };
  return { print: printTo(write, colour.stdout), talk: printTo(writeTalk, colour.stderr) };
}
