// journalctl and dmesg.
import { ROOT, readsJournal } from '../guest/accounts.ts';
import { JOURNAL_DIR, MACHINE_ID } from '../guest/debian.ts';
import type { Guest } from '../guest/guest.ts';
import { entryLine, PRIORITIES } from '../guest/journal.ts';
import { diskBytes } from '../guest/tree.ts';
import { unitName } from '../guest/units.ts';
import { type Answer, type Call, done, forEach, optionsOf, type Program } from './program.ts';
import { decimal, isoTime, longTime, sizeOf, systemdTime, table } from './text.ts';

const SPAN_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** `2 hours ago`, `-1h`, `today`, `2026-11-24 10:00`, in Unix milliseconds. */
const timeOf = (text: string, nowMs: number): number => {
  const today = nowMs - (nowMs % 864e5);
  if (text === 'now') return nowMs;
  if (text === 'today' || text === 'yesterday') return text === 'today' ? today : today - 864e5;
  if (/^\d\d:\d\d/.test(text)) return timeOf(`${isoTime(today).slice(0, 10)} ${text}`, nowMs);
  const spans = [...text.matchAll(/(\d+)\s*([smhdw])[a-z]*/g)];
  if (spans.length > 0 && (text.startsWith('-') || text.endsWith('ago')))
    return (
      nowMs - spans.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (SPAN_MS[unit] ?? 0), 0)
    );
  return Date.parse(`${text}${text.includes(':') ? '' : ' 00:00'} UTC`);
};

const filesOf = ({ tree }: Guest) => [...tree.lookup(JOURNAL_DIR, ROOT).entries];
const usage = (guest: Guest): number => filesOf(guest).reduce((sum, [, node]) => sum + diskBytes(node), 0);

/** Deletes archived files, oldest first: those last written before a time, and until no more than `size` are left. The active file stays. */
const vacuum = ({ guest, who }: Call, size: number, beforeMs: number): Answer => {
  const archived = filesOf(guest).filter(([name]) => name.includes('@'));
  const oldest = archived
    .sort(([, a], [, b]) => a.mtimeMs - b.mtimeMs)
    .map(([name]) => `${JOURNAL_DIR}/${name}`);
  const refused = (path: string, reason: string) => `Failed to delete archived journal ${path}: ${reason}`;
  let freed = 0;
  const { values, err } = forEach(oldest, refused, (path) => {
    const node = guest.tree.lookup(path, ROOT);
    if (usage(guest) <= size && node.mtimeMs >= beforeMs) return '';
    const bytes = diskBytes(node);
    guest.tree.remove(path, who);
    freed += bytes;
    return `Deleted archived journal ${path} (${decimal(bytes)}).\n`;
  });
  const end = `Vacuuming done, freed ${decimal(freed)} of archived journals from ${JOURNAL_DIR}.\n`;
  return done('', `${values.join('')}${err}${end}`, err === '' ? 0 : 1);
};

/** `-b`, `-b -1`, `-b-1`, `-kb`, `--boot=-1`: the number behind it looks like an option, or is missing. */
const takeBoot = (args: readonly string[]): { rest: string[]; offset: number | undefined } => {
  const at = args.findIndex((arg) => /^(-[a-z]*b(-?\d+)?|--boot(=.*)?)$/.test(arg));
  if (at < 0) return { rest: [...args], offset: undefined };
  const [, letters, glued] = /^(?:-([a-z]*)b|--boot=?)(-?\d+)?$/.exec(args[at] ?? '') ?? [];
  const apart = glued === undefined && /^-?\d+$/.test(args[at + 1] ?? '') ? args[at + 1] : undefined;
  const rest = [
    ...args.slice(0, at),
    ...(letters ? [`-${letters}`] : []),
    ...args.slice(at + (apart ? 2 : 1)),
  ];
  return { rest, offset: Number(glued ?? apart ?? 0) };
};

const priorityOf = (text: string): number => {
  const name = (text.split('..').at(-1) ?? '').replace(/^error$/, 'err');
  return /^\d$/.test(name) ? Number(name) : PRIORITIES.findIndex((each) => each.startsWith(name));
};

const MATCH = '_SYSTEMD_UNIT=';
const NAMES =
  `unit= lines= priority= since= until= output= grep= identifier= vacuum-size= vacuum-time= rotate flush sync
 disk-usage list-boots dmesg reverse pager-end catalog quiet all merge utc no-pager no-hostname`.replaceAll(
    /\s+/g,
    ' ',
  );

export const journalctl: Program = (call) => {
  const { guest, who } = call;
  const { rest, offset } = takeBoot(call.args);
  const options = optionsOf(rest, 'u:n:p:S:U:o:g:t:kxeqamr', NAMES);
  const [size, time] = [options.value('vacuum-size'), options.value('vacuum-time')];
  if (size !== undefined || time !== undefined) {
    const beforeMs = time === undefined ? Number.NEGATIVE_INFINITY : timeOf(`-${time}`, guest.now());
    return vacuum(call, sizeOf(size ?? '') ?? Number.POSITIVE_INFINITY, beforeMs);
  }
  if (options.has('rotate', 'flush', 'sync'))
    return who.uid === 0
      ? done('')
      : done('', 'Failed to rotate journal: Interactive authentication required.\n');
  if (options.has('disk-usage'))
    return done(`Archived and active journals take up ${decimal(usage(guest))} in the file system.\n`);
  if (!readsJournal(who)) return done('', 'No journal files were opened due to insufficient permissions.\n');
  const boots = [
    ...Map.groupBy(
      guest.journal.where(() => true),
      ({ boot }) => boot,
    ).entries(),
  ];
  const bootId = (boot: number): string => (boot + 1).toString(16).padStart(8, '0') + MACHINE_ID.slice(8);
  if (options.has('list-boots')) {
    const rows = boots.map(([boot, entries], at) => {
      const ends = [entries[0], entries.at(-1)].map((entry) => systemdTime(entry?.atMs ?? 0));
      return [`${at - boots.length + 1}`.padStart(3), bootId(boot), ...ends];
    });
    return done(table([['IDX', 'BOOT ID', 'FIRST ENTRY', 'LAST ENTRY'], ...rows]));
  }
  const kernel = options.has('k', 'dmesg');
  const boot = offset === undefined && !kernel ? undefined : boots.at(-1 + Math.min(0, offset ?? 0))?.[0];
  if (offset !== undefined && boot === undefined)
    return done(
      '',
      `Data from the specified boot (${offset}) is not available: No such boot ID in journal\n`,
    );
  const strange = options.operands.find((text) => !text.startsWith(MATCH));
  if (strange !== undefined) return done('', `Failed to add match '${strange}': Invalid argument\n`);
  const matched = options.operands.map((text) => text.slice(MATCH.length));
  const units = [...options.all('u', 'unit'), ...matched].map(unitName);
  const idents = options.all('t', 'identifier');
  const priority = priorityOf(options.value('p', 'priority') ?? 'debug');
  if (priority < 0) return done('', `Unknown log level ${options.value('p', 'priority')}\n`);
  const times = [options.value('S', 'since') ?? '1970-01-01', options.value('U', 'until') ?? 'now'];
  const [fromMs = 0, toMs = 0] = times.map((text) => timeOf(text, guest.now()));
  const wrong = Number.isNaN(fromMs) ? times[0] : times[1];
  if (Number.isNaN(fromMs + toMs)) return done('', `Failed to parse timestamp: ${wrong}\n`);
  const output = options.value('o', 'output') ?? 'short';
  if (!/^(short|short-iso|cat)$/.test(output)) return done('', `Unknown output '${output}'.\n`);
  const pattern = new RegExp(options.value('g', 'grep') ?? '', 'i');
  const found = guest.journal.where(
    (entry) =>
      (units.length === 0 || units.includes(entry.unit ?? '')) &&
      (!kernel || entry.kernel === true) &&
      (boot === undefined || entry.boot === boot) &&
      entry.priority <= priority &&
      (idents.length === 0 || idents.includes(entry.ident)) &&
      entry.atMs >= fromMs &&
      entry.atMs <= toMs &&
      pattern.test(entry.message),
  );
  const asked = options.value('n', 'lines') === '' ? '10' : options.value('n', 'lines');
  const lines = Number(asked ?? (options.has('e', 'pager-end') ? 1000 : Number.NaN));
  const latest = lines > 0 ? found.slice(-lines) : found;
  const entries = options.has('r', 'reverse') ? latest.toReversed() : latest;
  const texts = entries.map((entry, at) => {
    const isNewBoot = (entries[at - 1]?.boot ?? entry.boot) !== entry.boot;
    const short = entryLine(entry, guest.seed.hostname);
    const iso = `${isoTime(entry.atMs).replace(' ', 'T')}+0000${short.slice('Nov 24 17:33:12'.length)}`;
    const line = output === 'cat' ? `${entry.message}\n` : output === 'short' ? short : iso;
    return isNewBoot ? `-- Boot ${bootId(entry.boot)} --\n${line}` : line;
  });
  return done(texts.join('') || '-- No entries --\n');
};

export const dmesg: Program = ({ guest, args, who }) => {
  if (who.uid !== 0) return done('', 'dmesg: read kernel buffer failed: Operation not permitted\n');
  const options = optionsOf(args, 'l:TxkL', 'level= ctime decode kernel color? nopager');
  const levels = options.all('l', 'level').map(priorityOf);
  const isShown = (priority: number): boolean => levels.length === 0 || levels.includes(priority);
  const entries = guest.journal.where(
    ({ kernel, boot, priority }) => kernel === true && boot === guest.bootNumber && isShown(priority),
  );
  const stamp = (atMs: number): string =>
    options.has('T', 'ctime') ? longTime(atMs) : ((atMs - guest.bootMs) / 1000).toFixed(6).padStart(12);
  return done(entries.map(({ atMs, message }) => `[${stamp(atMs)}] ${message}\n`).join(''));
};
