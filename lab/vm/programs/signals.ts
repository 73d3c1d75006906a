// kill, pgrep, pkill, killall.
import type { Call, Program } from '../call.ts';
import { reasonOf, SysError } from '../state/errors.ts';
import { type Process, SIGNALS, signalName } from '../state/processes.ts';
import { parseOptions } from './options.ts';

/** `-9`, `-KILL`, `-s TERM`, `-SIGTERM`. */
const signalOf = (text: string): string | undefined => {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (name === '0') return '0';
  return SIGNALS[name] === undefined ? signalName(Number(name)) : name;
};

export const kill: Program = async (call) => {
  const rest = [...call.args];
  let signal = 'TERM';
  if (rest[0] === '-l' || rest[0] === '-L') {
    await call.out(`${Object.keys(SIGNALS).join(' ')}\n`);
    return 0;
  }
  if (rest[0] === '-s' || rest[0] === '-n' || rest[0] === '--signal') {
    signal = signalOf(rest[1] ?? '') ?? '';
    rest.splice(0, 2);
  } else if (/^-[A-Za-z0-9]+$/.test(rest[0] ?? '')) {
    signal = signalOf((rest.shift() ?? '').slice(1)) ?? '';
  }
  if (rest[0] === '--') rest.shift();
  if (signal === '') {
    await call.err(`bash: line 1: kill: ${call.args[0]?.replace(/^-/, '')}: invalid signal specification\n`);
    return 1;
  }
  if (rest.length === 0) {
    await call.err(
      'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n',
    );
    return 2;
  }
  let status = 0;
  for (const text of rest) {
    const wanted = Number(text);
    const pids =
      wanted < 0
        ? call.guest.processes
            .list()
            .filter(({ pgid }) => pgid === -wanted)
            .map(({ pid }) => pid)
        : [wanted];
    try {
      if (!Number.isInteger(wanted) || pids.length === 0) throw new SysError('ESRCH');
      for (const pid of pids) call.guest.processes.signal(pid, signal, call.who);
    } catch (error) {
      status = 1;
      await call.err(
        Number.isInteger(wanted)
          ? `bash: line 1: kill: (${text}) - ${reasonOf(error)}\n`
          : `bash: line 1: kill: ${text}: arguments must be process or job IDs\n`,
      );
    }
  }
  return status;
};

const matching = (
  call: Call,
): { rows: Process[]; signal: string; options: ReturnType<typeof parseOptions>; bad: boolean } => {
  let signal = 'TERM';
  const args = call.args.filter((arg, index) => {
    const named =
      index === 0 && call.name === 'pkill' && /^-([A-Z]{3,}\d?|\d+)$/.test(arg)
        ? signalOf(arg.slice(1))
        : undefined;
    if (named !== undefined) signal = named;
    return named === undefined;
  });
  const options = parseOptions(args, {
    flags: 'flacxinove',
    values: 'suUgPtd',
    long: ['full', 'list-name', 'list-full', 'exact', 'count', 'newest', 'oldest'],
    longValues: ['session', 'signal', 'parent', 'uid', 'euid', 'pgroup'],
  });
  const chosenSignal = options.value('signal');
  if (chosenSignal !== undefined) signal = signalOf(chosenSignal) ?? 'TERM';
  const list = (...names: string[]): string[] => options.all(...names).flatMap((text) => text.split(','));
  const [sessions, users, parents, groups] = [
    list('s', 'session'),
    list('u', 'U', 'uid', 'euid'),
    list('P', 'parent'),
    list('g', 'pgroup'),
  ];
  const [text] = options.operands;
  const pattern =
    text === undefined
      ? undefined
      : new RegExp(options.has('x', 'exact') ? `^(${text})$` : text, options.has('i') ? 'i' : '');
  let rows = call.guest.processes
    .list()
    .filter((row) => row.pid !== call.process.pid)
    .filter(
      (row) =>
        sessions.length === 0 ||
        sessions.map((sid) => (sid === '0' ? String(call.process.sess) : sid)).includes(String(row.sess)),
    )
    .filter(
      (row) =>
        users.length === 0 || users.includes(String(row.uid)) || users.includes(call.guest.userName(row.uid)),
    )
    .filter((row) => parents.length === 0 || parents.includes(String(row.ppid)))
    .filter((row) => groups.length === 0 || groups.includes(String(row.pgid)))
    .filter((row) => pattern === undefined || pattern.test(options.has('f', 'full') ? row.args : row.comm));
  if (options.has('n', 'newest')) rows = rows.slice(-1);
  if (options.has('o', 'oldest')) rows = rows.slice(0, 1);
  return {
    rows,
    signal,
    options,
    bad:
      options.unknown !== undefined ||
      (pattern === undefined && sessions.length + users.length + parents.length + groups.length === 0),
  };
};

export const pgrep: Program = async (call) => {
  const { rows, options, bad } = matching(call);
  if (bad) {
    await call.err(`pgrep: no matching criteria specified\nTry \`pgrep --help' for more information.\n`);
    return 2;
  }
  if (options.has('c', 'count')) await call.out(`${rows.length}\n`);
  else
    for (const row of rows)
      await call.out(
        `${row.pid}${options.has('a', 'list-full') ? ` ${row.args}` : options.has('l', 'list-name') ? ` ${row.comm}` : ''}\n`,
      );
  return rows.length === 0 ? 1 : 0;
};

export const pkill: Program = async (call) => {
  const { rows, signal, bad } = matching(call);
  if (bad) {
    await call.err(`pkill: no matching criteria specified\nTry \`pkill --help' for more information.\n`);
    return 2;
  }
  let hit = 0;
  for (const row of rows) {
    try {
      call.guest.processes.signal(row.pid, signal, call.who);
      hit += 1;
    } catch (error) {
      await call.err(`pkill: killing pid ${row.pid} failed: ${reasonOf(error)}\n`);
    }
  }
  return hit === 0 ? 1 : 0;
};

export const killall: Program = async (call) => {
  const signal = signalOf((call.args.find((arg) => /^-[A-Z0-9]+$/.test(arg)) ?? '-TERM').slice(1)) ?? 'TERM';
  let status = 0;
  for (const name of call.args.filter((arg) => !arg.startsWith('-'))) {
    const rows = call.guest.processes.list().filter(({ comm }) => comm === name);
    if (rows.length === 0) await call.err(`${name}: no process found\n`);
    status |= rows.length === 0 ? 1 : 0;
    for (const row of rows) call.guest.processes.signal(row.pid, signal, call.who);
  }
  return status;
};
