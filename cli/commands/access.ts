// Commands about who may come in.
import { Option } from 'commander';
import type { Role } from '../../protocol/access.ts';
import { deviceEnd, deviceList, loginLink, tokenList, tokenMake, tokenRevoke } from '../access.ts';
import { CliError, EXIT } from '../failure.ts';
import { type Commands, wholeNumber } from './commands.ts';

export function accessCommands({ program, room: { print, talk }, address }: Commands): void {
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
      if ((id === undefined) !== all || id === '')
        throw new CliError('Expected the id of a device, or --all.', EXIT.usage);
      await deviceEnd(address(), id, talk);
    });

  program
    .command('login-link')
    .description('a link that signs one browser in: good once, for ten minutes; also as a QR code')
    .addOption(new Option('--role <role>', 'what it may do').choices(['operator', 'observer']))
    .action(({ role }: { role?: 'operator' | 'observer' }) => loginLink(address(), role, print, talk));
}
