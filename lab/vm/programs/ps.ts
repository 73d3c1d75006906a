// ps: the columns, the choices and the formats that people and scripts ask for.
import type { Call, Program } from '../call.ts';
import { memoryOf } from '../state/memory.ts';
import type { Process } from '../state/processes.ts';
import { table } from './format.ts';
import { parseOptions } from './options.ts';

const two = (value: number): string => String(value).padStart(2, '0');

const cpuSeconds = (call: Call, row: Process): number =>
  Math.floor(row.cpuSeconds + (row.cpuPercent / 100) * Math.max(0, (call.guest.now() - row.startMs) / 1000));
const clock = (seconds: number): string =>
  `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
const startTime = (call: Call, row: Process): string => {
  const iso = new Date(row.startMs).toISOString();
  return call.guest.now() - row.startMs > 86_400_000
    ? new Date(row.startMs).toUTCString().slice(8, 11) + iso.slice(8, 10)
    : iso.slice(11, 16);
};
const elapsed = (call: Call, row: Process): string => {
  const s = Math.max(0, Math.floor((call.guest.now() - row.startMs) / 1000));
  const days = Math.floor(s / 86_400);
  return `${days > 0 ? `${days}-` : ''}${days > 0 || s >= 3600 ? `${two(Math.floor(s / 3600) % 24)}:` : ''}${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};
const memoryPercent = (call: Call, row: Process): string =>
  ((row.rssKb / memoryOf(call.guest).totalKb) * 100).toFixed(1);

/** ps keeps eight places for a user. */
const shortUser = (name: string): string => (name.length > 8 ? `${name.slice(0, 7)}+` : name);

interface Column {
  readonly head: string;
  readonly right?: boolean;
  readonly value: (row: Process, call: Call) => string;
}

const number = (head: string, value: (row: Process, call: Call) => number | string): Column => ({
  head,
  right: true,
  value: (row, call) => String(value(row, call)),
});
const words = (head: string, value: (row: Process, call: Call) => string): Column => ({ head, value });

const COLUMNS: Readonly<Record<string, Column>> = {
  pid: number('PID', (row) => row.pid),
  ppid: number('PPID', (row) => row.ppid),
  pgid: number('PGID', (row) => row.pgid),
  sess: number('SESS', (row) => row.sess),
  uid: number('UID', (row) => row.uid),
  gid: number('GID', (row) => row.gid),
  user: words('USER', (row, call) => shortUser(call.guest.userName(row.uid))),
  stat: words('STAT', (row) => row.stat),
  s: words('S', (row) => row.stat[0] ?? 'S'),
  comm: words('COMMAND', (row) => row.comm),
  args: words('COMMAND', (row) => row.args),
  tty: words('TT', (row) => row.tty),
  pcpu: number('%CPU', (row) => row.cpuPercent.toFixed(1)),
  pmem: number('%MEM', (row, call) => memoryPercent(call, row)),
  rss: number('RSS', (row) => row.rssKb),
  vsz: number('VSZ', (row) => row.vszKb),
  time: number('TIME', (row, call) => clock(cpuSeconds(call, row))),
  etime: number('ELAPSED', (row, call) => elapsed(call, row)),
  etimes: number('ELAPSED', (row, call) => Math.floor((call.guest.now() - row.startMs) / 1000)),
  lstart: words('STARTED', (row) =>
    new Date(row.startMs).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/, '$1 $3 $2 $5 $4'),
  ),
  stime: words('STIME', (row, call) => startTime(call, row)),
  ni: number('NI', () => 0),
  pri: number('PRI', () => 19),
  nlwp: number('NLWP', () => 1),
  wchan: words('WCHAN', () => '-'),
  unit: words('UNIT', (row) => row.unit ?? '-'),
  c: number('C', (row) => Math.round(row.cpuPercent)),
  start: words('START', (row, call) => startTime(call, row)),
  bsdtime: number(
    'TIME',
    (row, call) => `${Math.floor(cpuSeconds(call, row) / 60)}:${two(cpuSeconds(call, row) % 60)}`,
  ),
};
const ALIASES: Readonly<Record<string, string>> = {
  '%cpu': 'pcpu',
  '%mem': 'pmem',
  cmd: 'args',
  command: 'args',
  sid: 'sess',
  session: 'sess',
  euser: 'user',
  ruser: 'user',
  uname: 'user',
  state: 's',
  tt: 'tty',
  tname: 'tty',
  ucmd: 'comm',
  ucomm: 'comm',
  cputime: 'time',
  pgrp: 'pgid',
  euid: 'uid',
  ruid: 'uid',
  rssize: 'rss',
  vsize: 'vsz',
  nice: 'ni',
  thcount: 'nlwp',
  start_time: 'stime',
};

interface Chosen {
  readonly column: Column;
  readonly head: string;
}

const chosen = (spec: string): Chosen[] | string => {
  const out: Chosen[] = [];
  for (const part of spec.split(/[\s,]+/).filter((text) => text !== '')) {
    const [name = '', head] = part.split('=');
    const column = COLUMNS[ALIASES[name.toLowerCase()] ?? name.toLowerCase()];
    if (!column) return name;
    out.push({ column, head: head ?? column.head });
  }
  return out;
};

const standard = (names: string, heads: Readonly<Record<string, string>> = {}): Chosen[] =>
  names.split(' ').flatMap((name) => {
    const column = COLUMNS[name];
    return column ? [{ column, head: heads[name] ?? column.head }] : [];
  });

const sortBy = (call: Call, rows: Process[], spec: string): Process[] => {
  const key = spec.split(',')[0] ?? '';
  const column = COLUMNS[ALIASES[key.replace(/^[-+]/, '')] ?? key.replace(/^[-+]/, '')];
  if (!column) return rows;
  const value = (row: Process): number | string => {
    const text = column.value(row, call);
    return column.right ? Number.parseFloat(text.replaceAll(':', '')) : text;
  };
  const sign = key.startsWith('-') ? -1 : 1;
  return rows.sort((a, b) => (value(a) < value(b) ? -sign : value(a) > value(b) ? sign : 0));
};

const asTree = (rows: readonly Process[]): { row: Process; prefix: string }[] => {
  const out: { row: Process; prefix: string }[] = [];
  const visit = (row: Process, depth: number): void => {
    out.push({ row, prefix: depth === 0 ? '' : `${'    '.repeat(depth - 1)} \\_ ` });
    for (const child of rows) if (child.ppid === row.pid && child !== row) visit(child, depth + 1);
  };
  const pids = new Set(rows.map(({ pid }) => pid));
  for (const row of rows) if (!pids.has(row.ppid)) visit(row, 0);
  return out;
};

export const ps: Program = async (call) => {
  const { guest } = call;
  const bsd = call.args.filter((arg) => /^[a-zA-Z]+$/.test(arg) && arg !== 'no').join('');
  const dashed = call.args.filter(
    (arg, index) =>
      arg.startsWith('-') ||
      (index > 0 && /^-[a-zA-Z]*[opuUCqtgsNk]$/.test(call.args[index - 1] ?? '')) ||
      /^--(sort|pid|ppid|user|sid)$/.test(call.args[index - 1] ?? ''),
  );
  const options = parseOptions(dashed, {
    flags: 'aAdefFljHNwLMyZT',
    values: 'opuUCqtgsGkO',
    long: ['no-headers', 'no-heading', 'forest', 'headers'],
    longValues: ['sort', 'format', 'pid', 'ppid', 'user', 'sid', 'quick-pid', 'cols', 'width'],
  });
  if (options.unknown !== undefined) {
    await call.err(
      `error: unsupported option\n\nUsage:\n ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help <s|l|o|t|m|a>'\n for additional help text.\n\nFor more details see ps(1).\n`,
    );
    return 1;
  }
  const aux = /[ux]/.test(bsd) && bsd !== '';
  let rows = guest.processes.list();
  const pids = [
    ...options.all('p', 'q', 'pid', 'quick-pid'),
    ...call.args.filter((arg, index) => /^\d+(,\d+)*$/.test(arg) && !dashed.includes(arg) && index >= 0),
  ];
  const names = options.all('C').flatMap((text) => text.split(','));
  const users = options.all('u', 'U', 'user').flatMap((text) => text.split(','));
  const parents = options.all('ppid').flatMap((text) => text.split(','));
  const sessions = options.all('s', 'g', 'sid').flatMap((text) => text.split(','));
  const every = options.has('e', 'A', 'd') || /[axg]/.test(bsd);
  if (pids.length > 0)
    rows = rows.filter(({ pid }) => pids.flatMap((text) => text.split(/[,\s]+/)).includes(String(pid)));
  else if (names.length > 0) rows = rows.filter(({ comm }) => names.includes(comm));
  else if (users.length > 0)
    rows = rows.filter(({ uid }) => users.includes(guest.userName(uid)) || users.includes(String(uid)));
  else if (parents.length > 0) rows = rows.filter(({ ppid }) => parents.includes(String(ppid)));
  else if (sessions.length > 0) rows = rows.filter(({ sess }) => sessions.includes(String(sess)));
  else if (!every) rows = rows.filter(({ uid, sess }) => uid === call.who.uid && sess === call.process.sess);
  const specs = options.all('o', 'format', 'O');
  const bsdSpec = bsd.endsWith('o') ? call.args.find((arg) => arg.includes(',')) : undefined;
  let columns = standard('pid tty time comm', { tty: 'TTY', comm: 'CMD' });
  if (options.has('f'))
    columns = standard('user pid ppid c stime tty time args', { user: 'UID', tty: 'TTY', args: 'CMD' });
  if (aux)
    columns = bsd.includes('u')
      ? standard('user pid pcpu pmem vsz rss tty stat start bsdtime args', { tty: 'TTY' })
      : standard('pid tty stat bsdtime args', { tty: 'TTY' });
  if (specs.length > 0 || bsdSpec !== undefined) {
    columns = [];
    for (const spec of bsdSpec === undefined ? specs : [bsdSpec]) {
      const found = chosen(spec);
      if (typeof found === 'string') {
        await call.err(`error: unknown user-defined format specifier "${found}"\n\nUsage:\n ps [options]\n`);
        return 1;
      }
      columns.push(...found);
    }
  }
  const sort = options.value('sort', 'k');
  if (sort !== undefined) rows = sortBy(call, rows, sort);
  const forest = options.has('forest', 'H') || /f/.test(bsd);
  const lines = forest ? asTree(rows) : rows.map((row) => ({ row, prefix: '' }));
  const head =
    options.has('no-headers', 'no-heading') ||
    bsd.includes('h') ||
    columns.every(({ head: text }) => text === '')
      ? []
      : [columns.map(({ head: text }) => text)];
  const right = columns.flatMap(({ column }, index) => (column.right ? [index] : []));
  const cells = lines.map(({ row, prefix }) =>
    columns.map(
      ({ column }, index) => (index === columns.length - 1 ? prefix : '') + column.value(row, call),
    ),
  );
  await call.out(table([...head, ...cells], right));
  return rows.length === 0 ? 1 : 0;
};
