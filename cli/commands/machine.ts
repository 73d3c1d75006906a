// Commands that act on this machine itself, without a console to talk to.
import { type Commands, wholeNumber } from './commands.ts';

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

export function machineCommands({ program, room: { talk } }: Commands, local: LocalCommands): void {
  program
    .command('serve')
    .description('start the console with the configuration of the environment')
    .action(() => local.serve());

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
}
