// Commands that look at a target and change it: status, triage, the verbs.
import { VERB_MEANING, type Verb } from '../../protocol/verbs.ts';
import { watch } from '../operation.ts';
import { type PressOptions, press } from '../press.ts';
import { status } from '../status.ts';
import { triage } from '../triage.ts';
import { AS_JSON, type Commands } from './commands.ts';

export function rescueCommands({ program, room, address, exit }: Commands): void {
  program
    .command('status')
    .description('how the targets are')
    .argument('[target]', 'only this one, asked now')
    .option(...AS_JSON)
    .action((target: string | undefined, { json }: { json: boolean }) =>
      status(address(), { target, json }, room),
    );
  program
    .command('triage')
    .description('what is wrong and what to press, without AI; changes nothing')
    .argument('[target]', 'the default one when left out')
    .option('--longer', 'watch for half a minute', false)
    .option(...AS_JSON)
    .action((target: string | undefined, options: { longer: boolean; json: boolean }) =>
      triage(address(), { target, ...options }, room),
    );
  program
    .command('forensics')
    .description('capture evidence; changes nothing')
    .argument('[target]', 'the default one when left out')
    .option(...AS_JSON)
    .action(async (target: string | undefined, { json }: { json: boolean }) =>
      exit(await press(address(), 'forensics', { target, yes: true, despiteFinding: false, json }, room)),
    );
  for (const verb of ['reset', 'stop', 'start', 'cycle'] as const satisfies readonly Verb[])
    program
      .command(verb)
      .description(VERB_MEANING[verb])
      .argument('[target]', 'the default one when left out')
      .option('--yes', 'do not ask', false)
      .option('--despite-finding', 'also where it contradicts what triage found', false)
      .option(...AS_JSON)
      .action(async (target: string | undefined, options: Omit<PressOptions, 'target'>) =>
        exit(await press(address(), verb, { target, ...options }, room)),
      );
  program
    .command('watch')
    .description('watch an operation to its end')
    .argument('<operation>', 'its id')
    .option(...AS_JSON)
    .action(async (id: string, { json }: { json: boolean }) =>
      exit(await watch(address(), { id, json }, room)),
    );
}
