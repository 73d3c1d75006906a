// Commands that read what was recorded: evidence and the report.
import { type EvidenceOptions, evidence } from '../evidence.ts';
import { type ReportOptions, report } from '../report.ts';
import { AS_JSON, type Commands } from './commands.ts';

export function recordCommands({ program, room, address }: Commands): void {
  program
    .command('evidence')
    .description('the captures that the console keeps, or one of them as text')
    .argument('[id]')
    .option('--target <target>', 'only of this one')
    .option('--bundle <file>', 'write the archive of that one into a new file')
    .option('--screen <file>', "write the picture of the VM's console into a new file")
    .option(...AS_JSON)
    .action(
      (
        id: string | undefined,
        { target, bundle, screen, json }: Partial<EvidenceOptions> & { json: boolean },
      ) => evidence(address(), { id, target, bundle, screen, json }, room),
    );
  program
    .command('report')
    .description('what happened, as Markdown: of a session, of the latest incident, or of a target')
    .argument('[session]', 'its id; without it that of the latest incident')
    .option('--target <target>', 'of this one instead, whoever did it')
    .option('--since <when>', 'with --target: 30m, 3h, 2d or a time; a day when left out')
    .option('--until <when>', 'with --target: the same; now when left out')
    .option('--html', 'as a page of its own', false)
    .action(
      (
        session: string | undefined,
        { target, since, until, html }: Partial<ReportOptions> & { html: boolean },
      ) => report(address(), { session, target, since, until, html }, room),
    );
}
