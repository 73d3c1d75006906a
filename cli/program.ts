// The command line: which commands and options there are. Each command is a function in a file of its own.
import { Command, CommanderError, Option } from 'commander';
import type { Role } from '../protocol/access.ts';
import { visibleLine, visibleText } from '../protocol/visible-text.ts';
import { deviceEnd, deviceList, loginLink, tokenList, tokenMake, tokenRevoke } from './access.ts';
import { type ConsoleAddress, consoleAddress } from './console-client.ts';
import { CliError, EXIT } from './failure.ts';
import { status } from './status.ts';

/** Commands that act on this machine itself, without a console to talk to. */
export interface LocalCommands {
  /** Starts the console in this process; resolves never. */
  serve(): Promise<void>;
  /** Takes the journal of a stopped console back to an older version; resolves with what to say. */
  journalBack(version: number): Promise<string>;
  /** Copies the data directory, also while the console runs; resolves with what to say. */
  backup(to: string): Promise<string>;
  /** Puts a copy, once it is proven, into an empty directory; resolves with what to say. */
  restore(from: string, dataDir: string): Promise<string>;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  readonly talk: (line: string) => void;
  readonly local: LocalCommands;
  readonly version: string;
}

/** Runs one command line (without the program's name) and resolves with the exit code. */
export async function runCommand(argv: readonly string[], around: Surroundings): Promise<number> {
  const { env, local } = around;
  // What a VM wrote may be in every line. It must not command the terminal of whoever reads it.
  const print = (line: string): void => around.print(visibleText(line));
  const talk = (line: string): void => around.talk(visibleText(line));
  const program = new Command('breakglass')
    .description('Gets a wedged Proxmox VM back.')
    .version(around.version)
    .addOption(new Option('--url <address>', 'the console to talk to').env('BREAKGLASS_URL'))
    .option('--token-file <file>', 'a file with the access token (or set BREAKGLASS_TOKEN)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => print(text.trimEnd()), writeErr: (text) => talk(text.trimEnd()) });

  program
    .command('serve')
    .description('start the console with the configuration of the environment')
    .action(() => local.serve());

  program
    .command('status')
    .description('how the targets are')
    .argument('[target]', 'only this one, asked now')
    .option('--json', 'the answer of the console as JSON', false)
    .action((target: string | undefined, { json }: { json: boolean }) =>
      status(consoleAddress(program.opts(), env), { target, json }, print),
    );

  const address = (): ConsoleAddress => consoleAddress(program.opts(), env);
  const token = program.command('token').description('named tokens: who may come in besides');
  token
    .command('list')
    .description('all of them, without their secrets')
    .action(() => tokenList(address(), print));
  token
    .command('make')
    .description('make one; its secret goes to stdout, this once')
    .argument('<name>')
    .addOption(
      new Option('--role <role>', 'what it may do')
        .choices(['operator', 'observer', 'alerts'])
        .default('operator'),
    )
    .option('--days <days>', 'how long it is good; without it until it is revoked', wholeNumber)
    .action((name: string, { role, days }: { role: Role; days?: number }) =>
      tokenMake(address(), { name, role, days }, print, talk),
    );
  token
    .command('revoke')
    .description('revoke one, and end the devices that were signed in with it')
    .argument('<name>')
    .action((name: string) => tokenRevoke(address(), name, talk));

  const devices = program.command('devices').description('browsers that somebody signed in');
  devices
    .command('list', { isDefault: true })
    .description('all of them')
    .action(() => deviceList(address(), print));
  devices
    .command('end')
    .description('sign one out, or with --all every one')
    .argument('[id]', 'or its first characters')
    .option('--all', 'every device', false)
    .action(async (id: string | undefined, { all }: { all: boolean }) => {
      if ((id === undefined) !== all)
        throw new CliError('Expected the id of a device, or --all.', EXIT.usage);
      await deviceEnd(address(), id, talk);
    });

  program
    .command('login-link')
    .description('a link that signs one browser in: good once, for ten minutes; also as a QR code')
    .addOption(new Option('--role <role>', 'what it may do').choices(['operator', 'observer']))
    .action(({ role }: { role?: 'operator' | 'observer' }) => loginLink(address(), role, print, talk));

  program
    .command('journal')
    .description('the journal of a console that does not run')
    .command('back')
    .description('take it back to an older version, for the program of that version')
    .argument('<version>', 'the version that the older program knows', wholeNumber)
    .action(async (version: number) => talk(await local.journalBack(version)));

  program
    .command('backup')
    .description(
      'copy journal, evidence and everything else of the data directory, also while the console runs',
    )
    .argument('<destination>', 'a file that ends with .tar, or a directory; neither may exist')
    .action(async (to: string) => talk(await local.backup(to)));

  program
    .command('restore')
    .description('prove a backup and put it into an empty data directory')
    .argument('<backup>', 'what `backup` made')
    .argument('<directory>', 'the new data directory')
    .action(async (from: string, dataDir: string) => talk(await local.restore(from, dataDir)));

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
    if (!(error instanceof CliError)) throw error;
    talk(`breakglass: ${visibleLine(error.message)}`);
    return error.exitCode;
  }
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CliError(`${JSON.stringify(text)} is not understood. Expected a whole number.`, EXIT.usage);
}
