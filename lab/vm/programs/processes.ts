// ps, kill and pgrep.
import type { Guest } from '../guest/guest.ts';
import { memoryOf } from '../guest/memory.ts';
import { type Process, SIGNALS, type Signal, waitsIn } from '../guest/processes.ts';
import { done, forEach, optionsOf, type Program } from './program.ts';
import { clock, elapsed, longTime, table } from './text.ts';

type Value = (row: Process, guest: Guest) => string | number;

const age = (row: Process, guest: Guest): number =>
  Math.max(0, Math.floor((guest.now() - row.startMs) / 1000));
const started: Value = (row, guest) => {
  const [, month, day, time = ''] = longTime(row.startMs).split(' ');
  return age(row, guest) > 86_400 ? `${month}${day}` : time.slice(0, 5);
};

const COLUMNS: Readonly<Record<string, readonly [head: string, value: Value]>> = {
  pid: ['PID', (row) => row.pid],
  ppid: ['PPID', (row) => row.ppid],
  sess: ['SESS', (row) => row.sess],
  uid: ['UID', (row) => row.uid],
  // ps keeps eight places for a user.
  user: ['USER', (row, guest) => guest.accounts.byUid(row.uid).name.replace(/^(.{7}).{2,}$/, '$1+')],
  stat: ['STAT', (row) => row.stat],
  s: ['S', (row) => row.stat.slice(0, 1)],
  tty: ['TTY', () => '?'],
  pcpu: ['%CPU', (row) => row.cpuPercent.toFixed(1)],
  pmem: ['%MEM', (row, guest) => ((row.rssKb / memoryOf(guest).totalKb) * 100).toFixed(1)],
  rss: ['RSS', (row) => row.rssKb],
  vsz: ['VSZ', (row) => row.vszKb],
  time: ['TIME', (row, guest) => clock(row.cpuSeconds + (row.cpuPercent / 100) * age(row, guest))],
  etime: ['ELAPSED', (row, guest) => elapsed(age(row, guest))],
  etimes: ['ELAPSED', age],
  lstart: ['STARTED', (row) => longTime(row.startMs)],
  stime: ['STIME', started],
  start: ['START', started],
  c: ['C', (row) => Math.round(row.cpuPercent)],
  wchan: ['WCHAN', waitsIn],
  comm: ['COMMAND', (row) => row.comm],
  args: ['COMMAND', (row) => row.args],
};
const ALIASES = new Map(
  'cmd=args command=args %cpu=pcpu %mem=pmem sid=sess pgid=sess state=s'.split(' ').map((pair) => {
    const [alias = '', name = ''] = pair.split('=');
    return [alias, name];
  }),
);
const RIGHT = /^(pid|ppid|sess|uid|pcpu|pmem|rss|vsz|time|etime|etimes|c)$/;

/** `pid`, `wchan:32`, `pid=`, `-rss`. */
const columnOf = (spec: string): { name: string; head: string; value: Value } => {
  const [, given = '', head] = /^[-+]?([^:=]+)(?::\d+)?(?:=(.*))?$/.exec(spec.toLowerCase()) ?? [];
  const name = ALIASES.get(given) ?? given;
  const [usual, value] = COLUMNS[name] ?? [given.toUpperCase(), () => '-'];
  return { name, head: head?.toUpperCase() ?? usual, value };
};
const inOrder = (a: string | number, b: string | number): number =>
  Number(a) - Number(b) || String(a).localeCompare(String(b));

export const ps: Program = ({ guest, args, who, sess }) => {
  const bsd = args.find((arg) => /^[aefjluxww]+$/.test(arg)) ?? '';
  const others = args.filter((arg) => arg !== bsd);
  const names = 'sort= format= pid= ppid= user= no-headers forest';
  const options = optionsOf(others, 'eAfwo:p:u:U:C:q:s:g:', names);
  const rowsWith = (names: string[], value: Value) => {
    const wanted = options.all(...names);
    return wanted.length === 0 ? undefined : (row: Process) => wanted.includes(String(value(row, guest)));
  };
  const isMine = (row: Process): boolean => row.uid === who.uid && row.sess === sess;
  const isChosen =
    rowsWith(['p', 'q', 'pid'], ({ pid }) => pid) ??
    rowsWith(['C'], ({ comm }) => comm) ??
    rowsWith(['u', 'U', 'user'], ({ uid }) => guest.accounts.byUid(uid).name) ??
    rowsWith(['ppid'], ({ ppid }) => ppid) ??
    rowsWith(['s', 'g'], (row) => row.sess) ??
    ((row: Process) => options.has('e', 'A') || /[ax]/.test(bsd) || isMine(row));
  const aux = bsd.includes('u')
    ? 'user pid pcpu pmem vsz rss tty stat start time args'
    : 'pid tty stat time args';
  const short = bsd === '' ? 'pid tty time comm=cmd' : aux;
  const standard = options.has('f') ? 'user=uid pid ppid c stime tty time args=cmd' : short;
  const specs = options.has('o', 'format') ? options.all('o', 'format') : standard.split(' ');
  const columns = specs.filter((spec) => spec !== '').map(columnOf);
  const rows = guest.processes.list().filter(isChosen);
  const key = options.value('sort');
  const sort = key === undefined ? undefined : columnOf(key.replace(/,.*/, '')).value;
  const sign = key?.startsWith('-') ? -1 : 1;
  if (sort) rows.sort((a, b) => sign * inOrder(sort(a, guest), sort(b, guest)));
  const cells = rows.map((row) => columns.map(({ value }) => String(value(row, guest))));
  const heads = columns.map(({ head }) => head);
  const isBare = options.has('no-headers') || heads.every((head) => head === '');
  const right = columns.flatMap(({ name }, at) => (RIGHT.test(name) ? [at] : []));
  return done(table(isBare ? cells : [heads, ...cells], right), '', rows.length === 0 ? 1 : 0);
};

/** `9`, `KILL`, `SIGKILL`. */
const signalOf = (text: string): Signal | '0' | undefined => {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const names = Object.keys(SIGNALS) as Signal[];
  return name === '0' ? name : names.find((each) => each === name || SIGNALS[each] === Number(name));
};
const KILL_USAGE =
  'kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n';

export const kill: Program = ({ guest: { processes }, args, who }) => {
  const [first = '', second = ''] = args;
  const isNamed = /^-\w/.test(first);
  const named = first === '-s' ? second : first.slice(1);
  const signal = isNamed ? signalOf(named) : 'TERM';
  const pids = args.slice(first === '-s' ? 2 : Number(isNamed)).filter((arg) => arg !== '--');
  if (signal === undefined) return done('', `bash: line 1: kill: ${named}: invalid signal specification\n`);
  if (pids.length === 0) return done('', KILL_USAGE, 2);
  const strange = pids.find((text) => !/^-?\d+$/.test(text));
  if (strange !== undefined)
    return done('', `bash: line 1: kill: ${strange}: arguments must be process or job IDs\n`);
  const refused = (text: string, reason: string) => `bash: line 1: kill: (${text}) - ${reason}`;
  return done('', forEach(pids, refused, (text) => processes.signal(Number(text), signal, who)).err);
};

export const pgrep: Program = ({ guest: { processes, accounts }, args, sess }) => {
  const options = optionsOf(args, 'fxalcu:', 'full exact list-full count uid=');
  const [text = ''] = options.operands;
  const pattern = new RegExp(options.has('x', 'exact') ? `^(${text})$` : text);
  // The real one leaves itself out: here it is part of the shell that carries the pattern on its command line.
  const users = options.all('u', 'uid');
  const isTheirs = ({ uid }: Process): boolean =>
    users.length === 0 || users.includes(accounts.byUid(uid).name) || users.includes(String(uid));
  const others = processes.list().filter((row) => row.sess !== sess && isTheirs(row));
  const rows = others.filter((row) => pattern.test(options.has('f', 'full') ? row.args : row.comm));
  const lines = rows.map(
    (row) =>
      `${row.pid}${options.has('a', 'list-full') ? ` ${row.args}` : options.has('l') ? ` ${row.comm}` : ''}\n`,
  );
  return done(options.has('c', 'count') ? `${rows.length}\n` : lines.join(''), '', rows.length === 0 ? 1 : 0);
};
