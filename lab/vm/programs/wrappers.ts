// Programs that run programs: sudo timeout nohup setsid nice ionice stdbuf env xargs.
import type { Call, Exit, Program } from '../call.ts';
import { pause } from '../call.ts';
import { credentialsOf, READING, type User } from '../state/credentials.ts';
import { parseOptions } from './options.ts';

const SECURE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const userOf = (call: Call): User | undefined => call.guest.users.find((user) => user.uid === call.who.uid);

/** Where sudo would find a program: the exact lines of sudoers name whole paths. */
const found = (call: Call, name: string): string | undefined => {
  if (name.includes('/')) return name;
  for (const dir of SECURE_PATH.split(':'))
    if (call.guest.tree.find(`${dir}/${name}`, { uid: 0, gid: 0, groups: [] })?.kind === 'file')
      return `${dir}/${name}`;
  return undefined;
};

export const sudo: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'nkKvEHSbilsA',
    values: 'ugpCDhRT',
    long: ['non-interactive', 'list', 'login', 'preserve-env', 'stdin', 'shell', 'validate'],
    longValues: ['user', 'group', 'prompt', 'chdir'],
    strict: true,
  });
  const me = userOf(call);
  const silent = options.has('n', 'non-interactive');
  const refuse = async (): Promise<number> => {
    await call.err(
      silent
        ? 'sudo: a password is required\n'
        : 'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required\n',
    );
    return 1;
  };
  if (options.has('l', 'list')) {
    if (me?.sudo === 'none' || me === undefined) return refuse();
    await call.out(
      `User ${me.name} may run the following commands on ${call.guest.seed.hostname}:\n${me.sudo === 'all' ? '    (ALL : ALL) NOPASSWD: ALL\n' : '    (root) NOPASSWD: /usr/bin/du, /usr/bin/dmesg, /usr/bin/ss, /usr/bin/lsof, /usr/sbin/smartctl -a\n'}`,
    );
    return 0;
  }
  const assigned = options.operands.filter(
    (arg, index) =>
      /^\w+=/.test(arg) && options.operands.slice(0, index).every((before) => /^\w+=/.test(before)),
  );
  let argv = options.operands.slice(assigned.length);
  if (
    argv.length === 0 &&
    (options.has('i', 's', 'login', 'shell') || options.has('v', 'validate', 'k', 'K'))
  ) {
    if (options.has('v', 'validate', 'k', 'K')) return me?.sudo === 'all' ? 0 : refuse();
    argv = ['bash'];
  } else if (options.has('i', 's', 'login', 'shell')) argv = ['bash', '-c', argv.join(' ')];
  const [name] = argv;
  if (name === undefined) {
    await call.err('usage: sudo -h | -K | -k | -V\nusage: sudo [-AbEHknPS] [-u user] [command]\n');
    return 1;
  }
  const target = call.guest.user(options.value('u', 'user') ?? 'root');
  if (!target) {
    await call.err(
      `sudo: unknown user ${options.value('u', 'user')}\nsudo: error initializing audit plugin sudoers_audit\n`,
    );
    return 1;
  }
  const path = found(call, name);
  const line = [path ?? name, ...argv.slice(1)].join(' ');
  const allowed =
    me?.sudo === 'all' ||
    (me?.sudo === 'reading' &&
      target.uid === 0 &&
      assigned.length === 0 &&
      READING.some((pattern) => pattern.test(line)));
  const where = `TTY=unknown ; PWD=${call.cwd} ; USER=${target.name} ; COMMAND=${line}`;
  if (!allowed) {
    call.guest.log(
      undefined,
      'sudo',
      `${me?.name ?? call.who.uid} : ${silent ? 'a password is required' : 'a terminal is required'} ; ${where}`,
      { priority: 1, pid: call.process.pid },
    );
    return refuse();
  }
  call.guest.log(undefined, 'sudo', `${me.name} : ${where}`, { priority: 5, pid: call.process.pid });
  if (path === undefined) {
    await call.err(`sudo: ${name}: command not found\n`);
    return 1;
  }
  const env = {
    ...Object.fromEntries(
      assigned.map((text): [string, string] => [
        text.split('=')[0] ?? '',
        text.split('=').slice(1).join('='),
      ]),
    ),
    PATH: SECURE_PATH,
    HOME: target.home,
    USER: target.name,
    LOGNAME: target.name,
    SHELL: target.shell,
    LANG: call.env['LANG'] ?? 'C.UTF-8',
    TERM: call.env['TERM'] ?? 'dumb',
    SUDO_USER: me.name,
    SUDO_UID: String(me.uid),
    SUDO_GID: String(me.gid),
    SUDO_COMMAND: line,
  };
  // sudo itself runs as root: its own user may not signal it.
  Object.assign(call.process, { uid: 0, gid: 0 });
  call.forwardSignals();
  return call.spawn(argv, {
    who: credentialsOf(target),
    env,
    ...(options.has('i', 'login') ? { cwd: target.home } : {}),
  });
};

/** `10`, `1.5m`, `2h`, in milliseconds. */
export const durationMs = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?|\.\d+)([smhd]?)$/.exec(text);
  if (text === 'infinity' || text === 'inf') return Number.MAX_SAFE_INTEGER;
  return match
    ? Number(match[1]) * ({ '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[match[2] ?? ''] ?? 1) * 1000
    : undefined;
};

export const timeout: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'vf',
    values: 'ks',
    long: ['foreground', 'preserve-status', 'verbose'],
    longValues: ['kill-after', 'signal'],
    strict: true,
  });
  const [limit = '', ...argv] = options.operands;
  const ms = durationMs(limit);
  const killMs = durationMs(options.value('k', 'kill-after') ?? '0');
  if (ms === undefined || argv.length === 0 || killMs === undefined) {
    await call.err(
      ms === undefined && argv.length > 0
        ? `timeout: invalid time interval '${limit}'\nTry 'timeout --help' for more information.\n`
        : "timeout: missing operand\nTry 'timeout --help' for more information.\n",
    );
    return 125;
  }
  call.forwardSignals();
  const child = call.start(argv);
  const over = new AbortController();
  const first = await Promise.race([
    child.done,
    ms === 0 ? new Promise<never>(() => {}) : pause(ms, over.signal).then(() => 'over' as const),
  ]);
  if (first !== 'over') {
    over.abort();
    return first;
  }
  const signal = (options.value('s', 'signal') ?? 'TERM').replace(/^SIG/, '');
  if (!child.process.ignores.has(signal)) child.process.end?.(signal);
  if (killMs > 0) {
    const late = await Promise.race([
      child.done.then(() => false),
      pause(killMs, over.signal).then(() => true),
    ]);
    over.abort();
    if (late) child.process.end?.('KILL');
    if (late || signal === 'KILL') return { code: 137, signal: 'KILL' };
  }
  const exit = await child.done;
  return options.has('preserve-status') ? exit : 124;
};

const becoming =
  (values: string, skip: number, prepare: (call: Call) => void = () => {}): Program =>
  (call) => {
    const options = parseOptions(call.args, {
      flags: '*',
      values,
      longValues: ['adjustment', 'class', 'classdata', 'input', 'output', 'error', 'pid'],
      long: ['wait', 'fork', 'ctty'],
      strict: true,
    });
    prepare(call);
    return call.become(options.operands.slice(skip));
  };

export const setsid: Program = becoming('', 0, (call) => {
  call.process.sess = call.process.pid;
  call.process.pgid = call.process.pid;
});
export const nohup: Program = becoming('', 0, (call) => {
  call.process.ignores.add('HUP');
});
export const nice: Program = becoming('n', 0);
export const ionice: Program = becoming('cnp', 0);
export const stdbuf: Program = becoming('ioe', 0);

export const env: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'i0v',
    values: 'uCS',
    long: ['ignore-environment'],
    longValues: ['unset', 'chdir'],
    strict: true,
  });
  const given = options.has('i', 'ignore-environment') ? {} : { ...call.env };
  for (const name of options.all('u', 'unset')) delete given[name];
  let at = 0;
  for (; /^[^=]+=/.test(options.operands[at] ?? ''); at += 1) {
    const [name = '', ...value] = (options.operands[at] ?? '').split('=');
    given[name] = value.join('=');
  }
  const argv = options.operands.slice(at);
  if (argv.length > 0) return call.become(argv, { env: given });
  await call.out(
    Object.entries(given)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  return 0;
};

const words = (text: string, delimiter: string | undefined): string[] => {
  if (delimiter !== undefined)
    return text.split(delimiter).filter((word, index, all) => index < all.length - 1 || word !== '');
  return [...text.matchAll(/'([^']*)'|"([^"]*)"|((?:\\.|[^\s'"\\])+)/gs)].map(
    ([, single, double, bare]) => single ?? double ?? (bare ?? '').replaceAll(/\\(.)/gs, '$1'),
  );
};

export const xargs: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: '0rtpx',
    values: 'nILPdsaE',
    long: ['null', 'no-run-if-empty', 'verbose'],
    longValues: ['max-args', 'replace', 'max-procs', 'delimiter', 'max-lines'],
    strict: true,
  });
  if (options.unknown !== undefined) {
    await call.err(`xargs: ${options.unknown}\n`);
    return 1;
  }
  const input = (await call.stdio.stdin()).toString('utf8');
  const replace = options.value('I', 'replace');
  const delimiter = options.has('0', 'null')
    ? '\0'
    : (options.value('d', 'delimiter')?.replace('\\n', '\n') ??
      (replace === undefined && !options.has('L') ? undefined : '\n'));
  const items = words(input, delimiter).filter((item) => replace === undefined || item.trim() !== '');
  const command = options.operands.length === 0 ? ['echo'] : options.operands;
  const size = replace === undefined ? Number(options.value('n', 'max-args', 'L', 'max-lines') ?? 5_000) : 1;
  const stdio = {
    ...call.stdio,
    stdin: async () => Buffer.alloc(0),
    write: call.stdio.write.bind(call.stdio),
    hold: call.stdio.hold.bind(call.stdio),
  };
  if (items.length === 0 && (options.has('r', 'no-run-if-empty') || replace !== undefined)) return 0;
  let status = 0;
  for (let at = 0; (at < items.length || at === 0) && !call.signal.aborted; at += size) {
    const group = items.slice(at, at + size);
    const argv =
      replace === undefined
        ? [...command, ...group]
        : command.map((word) => word.replaceAll(replace, group[0] ?? ''));
    const exit: Exit = await call.spawn(argv, { stdio });
    if (exit.code === 127 || exit.code === 126) return exit.code;
    if (exit.code !== 0) status = 123;
  }
  return status;
};
