// Commands for the days on which nothing is down: setting up, examining, rehearsing.
import { Argument } from 'commander';
import { completionScript, NAMES_COMMAND, SHELLS, type Shell } from '../completion.ts';
import { doctor } from '../doctor.ts';
import { type InitOptions, init } from '../init.ts';
import { QUESTIONS } from '../init-questions.ts';
import { drill, notifyTest } from '../rehearsals.ts';
import { targetNames } from '../target-names.ts';
import { AS_JSON, type Commands, wholeNumber } from './commands.ts';

export function careCommands({ program, room, env, address, exit }: Commands): void {
  const setUp = program
    .command('init')
    .description('make key, token and settings of a console on this machine; run again to change them')
    .option('--yes', 'do not ask; settings that are given replace those that are there', false);
  for (const { option, asks } of QUESTIONS) setUp.option(`${option} <answer>`, asks);
  setUp.action((options: InitOptions) => init(options, env, room));

  program
    .command('doctor')
    .description('examine every link before the VM is down; exit code 1 where one is broken')
    .argument('[target]', 'only this one and the console itself')
    .option('--last', 'what was seen the last time; nothing is asked', false)
    .option(...AS_JSON)
    .action(async (target: string | undefined, options: { last: boolean; json: boolean }) =>
      exit(await doctor(address(), { target, ...options }, room)),
    );
  program
    .command('drill')
    .description('walk the way of a night on the real target, up to the verb that would change it')
    .argument('[target]', 'the default one when left out')
    .option(...AS_JSON)
    .action(async (target: string | undefined, { json }: { json: boolean }) =>
      exit(await drill(address(), { target, json }, room)),
    );
  program
    .command('notify')
    .description('how the console reaches people')
    .command('test')
    .description('send a notification now')
    .addArgument(
      new Argument('[channel]', 'each that is set up when left out').choices(['push', 'ntfy', 'webhook']),
    )
    .option(...AS_JSON)
    .action(async (channel: string | undefined, { json }: { json: boolean }) =>
      exit(await notifyTest(address(), { channel, json }, room)),
    );
  program
    .command('completion')
    .description('a script that completes this command in a shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => room.print(completionScript(shell, program)));
  program
    .command(NAMES_COMMAND, { hidden: true })
    .argument('[milliseconds]', 'how long it may take', wholeNumber)
    .action((limitMs: number | undefined) =>
      targetNames(() => address({ quiet: true }), room.print, limitMs),
    );
}
