// systemctl: what units are, and their starts and stops. Changing needs root, as polkit would refuse over SSH. systemd-cgtop: what
// memory they take.
import { readsJournal } from '../guest/accounts.ts';
import { cgroupOf, limitOf, memoryOfUnit } from '../guest/cgroups.ts';
import { entryLine } from '../guest/journal.ts';
import { memoryOf } from '../guest/memory.ts';
import type { Processes } from '../guest/processes.ts';
import { type Unit, unitName } from '../guest/units.ts';
import { type Answer, type Call, done, type Options, optionsOf, type Program } from './program.ts';
import { ago, decimal, systemdTime, table } from './text.ts';

const LEGEND = `
LOAD   = Reflects whether the unit definition was properly loaded.
ACTIVE = The high-level unit activation state, i.e. generalization of SUB.
SUB    = The low-level unit activation state, values depend on unit type.\n`;

const list = ({ guest }: Call, options: Options): Answer => {
  const states = [...options.all('state'), ...(options.has('failed') ? ['failed'] : [])];
  const isShown = ({ active, sub }: Unit): boolean =>
    states.length > 0
      ? states.includes(active) || states.includes(sub)
      : active !== 'inactive' || options.has('a', 'all');
  const dot = (text: string): string[] => (options.has('plain') ? [] : [text]);
  const units = guest.units.list().filter(isShown);
  const rows = units.map(({ name, active, sub, seed }) => {
    return [...dot(active === 'failed' ? '●' : ' '), name, 'loaded', active, sub, seed.description];
  });
  if (options.has('no-legend') || options.value('legend') === 'false') return done(table(rows));
  const head = [...dot(' '), 'UNIT', 'LOAD', 'ACTIVE', 'SUB', 'DESCRIPTION'];
  return done(
    `${table([head, ...rows])}${rows.length === 0 ? '' : LEGEND}${rows.length} loaded units listed.\n`,
  );
};

const page = ({ guest, who }: Call, unit: Unit, lines: number): string => {
  const { active, sub, seed, result, name, pids, sinceMs } = unit;
  const dot = { active: '●', failed: '×', inactive: '○' }[active];
  const how = { active: sub, failed: `Result: ${result}`, inactive: 'dead' }[active];
  const journal = guest.journal.where((entry) => entry.unit === name && entry.boot === guest.bootNumber);
  const head = `${dot} ${name} - ${seed.description}
     Loaded: loaded (/lib/systemd/system/${name}; enabled; preset: enabled)
     Active: ${active} (${how}) since ${systemdTime(sinceMs)}; ${ago(guest.now() - sinceMs)}\n`;
  const pid = journal.findLast((entry) => (entry.pid ?? 1) !== 1)?.pid ?? 1;
  const status = result === 'signal' ? 'code=killed, signal=KILL' : 'code=exited, status=1/FAILURE';
  const failed = `    Process: ${pid} ExecStart=${seed.execStart} (${status})\n   Main PID: ${pid} (${status})\n`;
  const rows = pids.flatMap((each) => guest.processes.get(each) ?? []);
  const tree = rows.map(
    (row, at) => `             ${at < rows.length - 1 ? '├' : '└'}─${row.pid} ${row.args}\n`,
  );
  const running = `   Main PID: ${pids[0]} (${rows[0]?.comm})
      Tasks: ${rows.length * 2} (limit: 9480)
     Memory: ${decimal(memoryOfUnit(guest.processes, unit))}
     CGroup: ${cgroupOf(unit)}\n${tree.join('')}`;
  const shown = readsJournal(who) && lines > 0 ? journal.slice(-lines) : [];
  const entries = shown.map((entry) => entryLine(entry, guest.seed.hostname)).join('');
  const body = active === 'failed' ? failed : rows.length > 0 ? running : '';
  return `${head}${body}${entries === '' ? '' : '\n'}${entries}`;
};

const overview = ({ guest: { units, seed, bootMs, now } }: Call): Answer => {
  const failed = units.list().filter(({ active }) => active === 'failed').length;
  return done(`● ${seed.hostname}
    State: ${failed > 0 ? 'degraded' : 'running'}
    Units: ${units.list().length} loaded (incl. loaded aliases)
     Jobs: 0 queued
   Failed: ${failed} units
    Since: ${systemdTime(bootMs)}; ${ago(now() - bootMs)}
  systemd: 252.38-1~deb12u1\n`);
};

const status = (call: Call, names: readonly string[], lines: number): Answer => {
  if (names.length === 0) return overview(call);
  const units = names.map((name) => call.guest.units.get(name));
  const pages = units.flatMap((unit) => (unit === undefined ? [] : [page(call, unit, lines)]));
  const missing = names.filter((_, at) => units[at] === undefined);
  const err = missing.map((name) => `Unit ${unitName(name)} could not be found.\n`).join('');
  const areActive = units.every((unit) => unit?.active === 'active');
  return done(pages.join('\n'), err, err !== '' ? 4 : areActive ? 0 : 3);
};

/** These stop and start. Of the others that are here only `start`, `stop` and `reset-failed` change what one sees. */
const RESTARTS = ['restart', 'reload-or-restart', 'try-restart'];
const QUIET = ['enable', 'disable', 'reload', 'set-property', 'daemon-reload'];
const CHANGES = ['start', 'stop', 'reset-failed', ...RESTARTS, ...QUIET];

const change = ({ guest: { units }, who }: Call, verb: string, names: readonly string[]): Answer => {
  if (who.uid !== 0) {
    const what = names[0] === undefined ? '' : ` ${unitName(names[0])}`;
    const see = what === '' ? '' : `See system logs and 'systemctl status${what}' for details.\n`;
    return done('', `Failed to ${verb}${what}: Interactive authentication required.\n${see}`, 4);
  }
  if (names.length === 0 && verb === 'reset-failed') units.resetFailed();
  const answers = (verb === 'set-property' ? names.slice(0, 1) : names).map((name): Answer => {
    const unit = units.get(name);
    if (unit === undefined)
      return done('', `Failed to ${verb} ${unitName(name)}: Unit ${unitName(name)} not found.\n`, 5);
    if (verb === 'set-property')
      for (const [key = '', value = ''] of names.slice(1).map((each) => each.split('=')))
        unit.limits.set(key, value);
    if (verb === 'reset-failed') units.resetFailed([unit]);
    const restarts = RESTARTS.includes(verb);
    if (verb === 'stop' || restarts) units.stop(unit);
    if ((verb !== 'start' && !restarts) || units.start(unit)) return done('');
    const see = `See "systemctl status ${unit.name}" and "journalctl -xeu ${unit.name}" for details.`;
    return done(
      '',
      `Job for ${unit.name} failed because the control process exited with error code.\n${see}\n`,
    );
  });
  return done('', answers.map(({ err }) => err).join(''), Math.max(0, ...answers.map(({ code }) => code)));
};

/** What `show` tells of a unit. */
const properties = (
  unit: Unit | undefined,
  name: string,
  processes: Processes,
): Readonly<Record<string, string | number>> => ({
  Id: unitName(name),
  Description: unit?.seed.description ?? unitName(name),
  LoadState: unit === undefined ? 'not-found' : 'loaded',
  ActiveState: unit?.active ?? 'inactive',
  SubState: unit?.sub ?? 'dead',
  Result: unit?.result ?? 'success',
  MainPID: unit?.pids[0] ?? 0,
  ExecMainStatus: Number(unit?.result === 'exit-code'),
  NRestarts: 0,
  FragmentPath: unit === undefined ? '' : `/lib/systemd/system/${unit.name}`,
  UnitFileState: unit === undefined ? '' : 'enabled',
  ControlGroup: unit === undefined ? '' : cgroupOf(unit),
  MemoryCurrent: unit?.active === 'active' ? memoryOfUnit(processes, unit) : '[not set]',
  MemoryHigh: unit === undefined ? 'infinity' : limitOf(unit, 'MemoryHigh'),
  MemoryMax: unit === undefined ? 'infinity' : limitOf(unit, 'MemoryMax'),
});
const show = ({ guest: { units, processes } }: Call, options: Options, names: readonly string[]): Answer => {
  const wanted = options.all('p', 'property');
  const pages = names.map((name) => {
    const all = Object.entries(properties(units.get(name), name, processes));
    const shown = all.filter(([key]) => wanted.length === 0 || wanted.includes(key));
    return shown.map(([key, value]) => `${options.has('value') ? '' : `${key}=`}${value}\n`).join('');
  });
  return done(pages.join('\n'));
};
const enabled = ({ guest: { units } }: Call, names: readonly string[]): Answer => {
  const known = names.filter((name) => units.get(name) !== undefined);
  const missing = names.filter((name) => units.get(name) === undefined);
  const words = (name: string): string =>
    `Failed to get unit file state for ${unitName(name)}: No such file or directory\n`;
  return done(known.map(() => 'enabled\n').join(''), missing.map(words).join(''));
};
const cat = ({ guest: { units } }: Call, names: readonly string[]): Answer => {
  const missing = names.find((name) => units.get(name) === undefined);
  if (missing !== undefined) return done('', `No files found for ${unitName(missing)}.\n`);
  const pages = names
    .flatMap((each) => units.get(each) ?? [])
    .map(({ name, seed }) => {
      const user = seed.user === undefined ? '' : `User=${seed.user}\n`;
      const unit = `[Unit]\nDescription=${seed.description}\n\n[Service]\n${user}ExecStart=${seed.execStart ?? ''}\n`;
      return `# /lib/systemd/system/${name}\n${unit}\n[Install]\nWantedBy=multi-user.target\n`;
    });
  return done(pages.join('\n'));
};

const NAMES =
  'lines= type= state= output= property= value failed plain legend= no-legend no-pager full all quiet now no-block runtime force';

export const systemctl: Program = (call) => {
  const { units } = call.guest;
  const options = optionsOf(call.args, 'n:t:o:p:alqf', NAMES);
  const [verb = 'list-units', ...names] = options.operands;
  if (CHANGES.includes(verb)) return change(call, verb, names);
  const states = names.map((name) => units.get(name)?.active ?? 'inactive');
  const said = options.has('q', 'quiet') ? '' : states.map((state) => `${state}\n`).join('');
  switch (verb) {
    case 'list-units':
      return list(call, options);
    case 'list-jobs':
      return done('No jobs running.\n');
    case 'is-active':
      if (names.length === 0) return done('', 'Too few arguments.\n');
      return done(said, '', states.includes('active') ? 0 : 3);
    case 'is-enabled':
      return enabled(call, names);
    case 'show':
      return show(call, options, names);
    case 'cat':
      return cat(call, names);
    case 'is-failed':
      return done(said, '', states.includes('failed') ? 0 : 1);
    case 'is-system-running':
      return units.list().some(({ active }) => active === 'failed')
        ? done('degraded\n', '', 1)
        : done('running\n');
    case 'status':
      return status(call, names, Number(options.value('n', 'lines') ?? 10));
    default:
      return done('', `Unknown command verb ${verb}.\n`);
  }
};

/** Once: there is nobody at a terminal for whom it would go on. */
export const cgtop: Program = ({ guest, args }) => {
  const options = optionsOf(args, 'mctpibn:d:', 'iterations= delay= depth= order= batch raw');
  const depth = Number(options.value('depth') ?? 3);
  const units = guest.units.list().filter(({ pids }) => pids.length > 0);
  const rows = units.map((unit) => {
    const count = unit.pids.length * 2;
    return { name: cgroupOf(unit).slice(1), count, bytes: memoryOfUnit(guest.processes, unit) };
  });
  const sum = (key: 'count' | 'bytes'): number => rows.reduce((all, row) => all + row[key], 0);
  const slice = { name: 'system.slice', count: sum('count'), bytes: sum('bytes') };
  const { totalKb, availableKb } = memoryOf(guest);
  const all = { name: '/', count: slice.count + 60, bytes: (totalKb - availableKb) * 1024 };
  const shown = [...(depth > 1 ? rows : []), ...(depth > 0 ? [slice] : []), all];
  const ordered = shown.sort((a, b) => (options.has('m') ? b.bytes - a.bytes : 0));
  const line = ({ name, count, bytes }: (typeof rows)[number]): string =>
    `${name.padEnd(50)} ${String(count).padStart(6)}      - ${decimal(bytes).padStart(8)}        -        -\n`;
  return done(ordered.map(line).join(''));
};
