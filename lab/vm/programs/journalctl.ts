// journalctl: choosing entries and showing them.
import type { Call, Program } from '../call.ts';
import { pause } from '../call.ts';
import { MACHINE_ID } from '../state/debian.ts';
import { type JournalEntry, type JournalQuery, PRIORITIES } from '../state/journal.ts';
import { decimalSize, systemdTime } from './format.ts';
import { entryText, timeOf } from './journal-text.ts';
import { diskUsage, vacuum } from './journal-vacuum.ts';
import { type Options, parseOptions } from './options.ts';

const LONG = [
  'no-pager',
  'disk-usage',
  'list-boots',
  'dmesg',
  'catalog',
  'follow',
  'reverse',
  'pager-end',
  'no-hostname',
  'utc',
  'quiet',
  'all',
  'full',
  'system',
  'header',
  'rotate',
  'sync',
  'flush',
  'no-full',
  'merge',
  'verify',
];
const LONG_VALUES = [
  'unit',
  'lines',
  'priority',
  'boot',
  'since',
  'until',
  'output',
  'identifier',
  'grep',
  'vacuum-size',
  'vacuum-time',
  'vacuum-files',
  'user-unit',
];

const queryOf = (call: Call, options: Options, args: readonly string[]): JournalQuery | string => {
  const units = options.all('u', 'unit').map((name) => (name.includes('.') ? name : `${name}.service`));
  const matches = options.operands
    .filter((text) => text.startsWith('_SYSTEMD_UNIT='))
    .map((text) => text.slice('_SYSTEMD_UNIT='.length));
  const level = options.value('p', 'priority');
  const names: readonly string[] = PRIORITIES;
  const highest = level?.split('..').at(-1) ?? '';
  const maxPriority =
    level === undefined
      ? undefined
      : /^\d$/.test(highest)
        ? Number(highest)
        : names.indexOf(highest.replace('error', 'err').replace(/^warn$/, 'warning'));
  if (maxPriority === -1) return `Unknown log level ${level}`;
  const bootArgument = args.find(
    (arg) => /^(-b|--boot)/.test(arg) || (/^-[a-z]*b(-?\d+)?$/.test(arg) && !arg.startsWith('--')),
  );
  const offset = Number(
    /(-?\d+)$/.exec(bootArgument ?? '')?.[1] ??
      args[args.indexOf(bootArgument ?? '-') + 1]?.match(/^-?\d+$/)?.[0] ??
      0,
  );
  const kernel = options.has('k', 'dmesg');
  const boots = call.guest.journal.boots();
  const boot =
    bootArgument === undefined && !kernel ? undefined : boots[boots.length - 1 + Math.min(0, offset)]?.boot;
  if (bootArgument !== undefined && boot === undefined)
    return `Data from the specified boot (${offset}) is not available: No such boot ID in journal`;
  const since = options.value('S', 'since');
  const until = options.value('U', 'until');
  const [sinceMs, untilMs] = [since, until].map((text) =>
    text === undefined ? undefined : timeOf(call, text),
  );
  if ((since !== undefined && sinceMs === undefined) || (until !== undefined && untilMs === undefined))
    return `Failed to parse timestamp: ${sinceMs === undefined ? since : until}`;
  const grep = options.value('g', 'grep');
  return {
    ...(units.length + matches.length > 0 ? { units: [...units, ...matches] } : {}),
    ...(maxPriority === undefined ? {} : { maxPriority }),
    kernel,
    ...(boot === undefined ? {} : { boot }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(grep === undefined ? {} : { grep: new RegExp(grep, grep === grep.toLowerCase() ? 'i' : '') }),
    ...(options.value('t', 'identifier') === undefined
      ? {}
      : { ident: options.value('t', 'identifier') ?? '' }),
  };
};

export const journalctl: Program = async (call) => {
  const { guest } = call;
  // `-b -1` and `-n 20` have values that look like options; `-b` alone has none.
  const args = call.args.flatMap((arg) => (arg === '-b' || arg === '--boot' ? [arg] : [arg]));
  const cleaned = args
    .filter(
      (arg, index) =>
        !(/^-?\d+$/.test(arg) && /^(-b|--boot|-[a-z]*b)$/.test(args[index - 1] ?? '')) &&
        !/^(-b-?\d*|--boot(=.*)?)$/.test(arg),
    )
    .map((arg) => (/^-[a-z]*b$/.test(arg) ? arg.replace('b', '') || '-a' : arg))
    .filter((arg) => arg !== '-');
  const options = parseOptions(cleaned, {
    flags: 'xekrfaqlmN',
    values: 'unpStUogF',
    long: LONG,
    longValues: LONG_VALUES,
  });
  if (options.unknown !== undefined) {
    await call.err(`journalctl: ${options.unknown}\n`);
    return 1;
  }
  const maySee = call.who.uid === 0 || call.who.groups.some((gid) => gid === 4 || gid === 101);
  if (options.has('vacuum-size', 'vacuum-time', 'vacuum-files')) return vacuum(call, options);
  if (options.has('disk-usage')) {
    await call.out(
      `Archived and active journals take up ${decimalSize(diskUsage(call))} in the file system.\n`,
    );
    return 0;
  }
  if (options.has('rotate', 'sync', 'flush')) return 0;
  if (!maySee) {
    await call.err(
      "Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm', 'systemd-journal' can see all messages.\n      Pass -q to turn off this notice.\nNo journal files were opened due to insufficient permissions.\n",
    );
    return 1;
  }
  if (options.has('list-boots')) {
    const boots = guest.journal.boots();
    for (const [index, { boot, firstMs, lastMs }] of boots.entries())
      await call.out(
        `${String(index - boots.length + 1).padStart(3)} ${(boot + 1).toString(16).padStart(8, '0')}${MACHINE_ID.slice(8)} ${systemdTime(firstMs)} ${systemdTime(lastMs)}\n`,
      );
    return 0;
  }
  const query = queryOf(call, options, args);
  if (typeof query === 'string') {
    await call.err(`${query}\n`);
    return 1;
  }
  const format = options.value('o', 'output') ?? 'short';
  const text = (entry: JournalEntry): string =>
    entryText(entry, guest.seed.hostname, format) +
    (options.has('x', 'catalog') && entry.catalog !== undefined
      ? `░░ Subject: ${entry.message}\n░░ Defined-By: systemd\n░░ Support: https://www.debian.org/support\n░░ \n${entry.catalog
          .split('\n')
          .map((line) => `░░ ${line}\n`)
          .join('')}`
      : '');
  let entries = guest.journal.query(query);
  const follow = options.has('f', 'follow');
  const lines =
    options.value('n', 'lines') ?? (follow ? '10' : options.has('e', 'pager-end') ? '1000' : undefined);
  if (lines !== undefined && lines !== 'all') entries = entries.slice(-Number(lines) || entries.length);
  if (options.has('r', 'reverse')) entries.reverse();
  if (entries.length === 0 && !follow) await call.out('-- No entries --\n');
  let boot: number | undefined;
  const chunks: string[] = [];
  for (const entry of entries) {
    if (boot !== undefined && boot !== entry.boot)
      chunks.push(`-- Boot ${(entry.boot + 1).toString(16).padStart(8, '0')}${MACHINE_ID.slice(8)} --\n`);
    boot = entry.boot;
    chunks.push(text(entry));
  }
  await call.out(chunks.join(''));
  if (!follow) return 0;
  const stop = guest.journal.follow((entry) => {
    if (guest.journal.query(query).includes(entry)) void call.out(text(entry));
  });
  await pause(Number.MAX_SAFE_INTEGER, call.signal);
  stop();
  return 130;
};
