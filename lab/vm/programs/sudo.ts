// Who may become whom: sudo without a password, or not at all. What it then runs is the shell's affair.
import { READING, ROOT } from '../guest/accounts.ts';
import { type Answer, type Call, done, optionsOf } from './program.ts';

const SECURE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const REFUSAL = 'sudo: a password is required\n';
const NO_TERMINAL =
  'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\n';

export interface Granted {
  readonly uid: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export const sudo = ({ guest, args, who, cwd }: Call): Granted | Answer => {
  // Options end at the command, whose own look alike.
  let at = 0;
  while (args[at]?.startsWith('-')) at += /^-[ugpCDhRT]$/.test(args[at] ?? '') ? 2 : 1;
  const options = optionsOf(args.slice(0, at), 'nEHSbkvlisu:g:p:C:D:h:R:T:', 'user= non-interactive login');
  const first = args.findIndex((word, index) => index >= at && !/^\w+=/.test(word));
  const assigned = args.slice(at, first < 0 ? undefined : first);
  const command = first < 0 ? [] : args.slice(first);
  const shell = command.length === 0 ? ['bash'] : ['bash', '-c', command.join(' ')];
  const argv = options.has('i', 's', 'login') ? shell : command;
  if (options.has('l') && who.sudo !== 'none') {
    const lines =
      who.sudo === 'all'
        ? '(ALL : ALL) NOPASSWD: ALL'
        : '(root) NOPASSWD: /usr/bin/du, /usr/bin/dmesg, /usr/bin/ss, /usr/bin/lsof';
    return done(`User ${who.name} may run the following commands on ${guest.seed.hostname}:\n    ${lines}\n`);
  }
  const [name] = argv;
  // Asks for the password ahead, or forgets it: there is none.
  if (name === undefined && options.has('v', 'k') && who.sudo !== 'none') return done('');
  if (name === undefined) return done('', 'usage: sudo [-AbEHknPS] [-u user] [command]\n');
  const target = guest.accounts.byName(options.value('u', 'user') ?? 'root');
  if (target === undefined) return done('', `sudo: unknown user ${options.value('u', 'user')}\n`);
  const line = argv.join(' ').replace(/^\/usr\/s?bin\//, '');
  const mayRead = who.sudo === 'reading' && target.uid === 0 && assigned.length === 0;
  const allowed = who.sudo === 'all' || (mayRead && READING.some((pattern) => pattern.test(line)));
  const words = `TTY=unknown ; PWD=${cwd} ; USER=${target.name} ; COMMAND=${argv.join(' ')}`;
  guest.log('sudo', `${who.name} : ${allowed ? '' : 'a password is required ; '}${words}`, {
    priority: allowed ? 5 : 1,
  });
  if (!allowed) return done('', (options.has('n', 'non-interactive') ? '' : NO_TERMINAL) + REFUSAL);
  const isThere = SECURE_PATH.split(':').some((dir) => guest.tree.find(`${dir}/${name}`, ROOT));
  if (!isThere && !name.includes('/')) return done('', `sudo: ${name}: command not found\n`);
  const { home: HOME, name: USER, shell: SHELL } = target;
  const env = { PATH: SECURE_PATH, HOME, USER, LOGNAME: USER, SHELL, LANG: 'C.UTF-8', SUDO_USER: who.name };
  return {
    uid: target.uid,
    argv,
    env: { ...env, ...Object.fromEntries(assigned.map((text) => text.split(/=(.*)/s))) },
  };
};
