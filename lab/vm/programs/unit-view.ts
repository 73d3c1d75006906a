// How systemctl shows one unit: its status page and its properties.
import type { Call } from '../call.ts';
import type { Unit } from '../state/units.ts';
import { ago, decimalSize, systemdTime } from './format.ts';
import { entryText } from './journal-text.ts';

export const unitName = (name: string): string =>
  /\.(service|timer|target|socket|mount|slice|path|scope|swap|device)$/.test(name) ? name : `${name}.service`;

export const fragment = (unit: Unit): string => `/lib/systemd/system/${unit.name}`;

const cgroup = (call: Call, unit: Unit): string => {
  const rows = unit.pids.flatMap((pid) => call.guest.processes.get(pid) ?? []);
  const lines = rows.map(
    (row, index) =>
      `             ${index === rows.length - 1 ? '└─' : '├─'}${String(row.pid).padStart(Math.max(...unit.pids.map((pid) => String(pid).length)))} ${row.comm === row.args ? row.comm : row.args}\n`,
  );
  const memory = rows.reduce((sum, row) => sum + row.rssKb, 0) * 1024;
  const cpu = rows.reduce((sum, row) => sum + row.cpuSeconds, 0);
  return `      Tasks: ${rows.length * 2} (limit: 9480)\n     Memory: ${decimalSize(memory)}\n        CPU: ${cpu > 0 ? `${cpu}s` : '84ms'}\n     CGroup: /system.slice/${unit.name}\n${lines.join('')}`;
};

export const statusOf = (call: Call, unit: Unit, lines: number): string => {
  const { guest } = call;
  const dot = unit.active === 'active' ? '●' : unit.active === 'failed' ? '×' : '○';
  const failed =
    unit.active === 'failed'
      ? ` (Result: ${unit.result})`
      : unit.active === 'active'
        ? ` (${unit.sub})`
        : ' (dead)';
  const when = `since ${systemdTime(unit.sinceMs)}; ${ago(guest.now() - unit.sinceMs)}`;
  const text = [
    `${dot} ${unit.name} - ${unit.seed.description}\n`,
    `     Loaded: loaded (${fragment(unit)}; ${unit.enabled ? 'enabled' : 'disabled'}; preset: enabled)\n`,
    ...(unit.seed.dropIn === undefined
      ? []
      : [`    Drop-In: /etc/systemd/system/${unit.name}.d\n             └─${unit.seed.dropIn}\n`]),
    `     Active: ${unit.active}${failed} ${when}\n`,
    ...(unit.seed.documentation === undefined ? [] : [`       Docs: ${unit.seed.documentation}\n`]),
  ];
  if (unit.active === 'failed') {
    const command = unit.seed.execStart ?? unit.seed.process?.args ?? '';
    const pid =
      guest.journal
        .query({ units: [unit.name] })
        .findLast((entry) => entry.pid !== undefined && entry.pid !== 1)?.pid ?? 1;
    const how =
      unit.result === 'signal'
        ? `code=killed, signal=${unit.signal}`
        : `code=exited, status=${unit.exitStatus}/FAILURE`;
    text.push(
      `    Process: ${pid} ExecStart=${command} (${how})\n   Main PID: ${pid} (${how})\n        CPU: 61ms\n`,
    );
  } else if (unit.mainPid > 0) {
    text.push(
      `   Main PID: ${unit.mainPid} (${guest.processes.get(unit.mainPid)?.comm ?? ''})\n`,
      cgroup(call, unit),
    );
  }
  const maySee = call.who.uid === 0 || call.who.groups.some((gid) => gid === 4 || gid === 101);
  const entries =
    lines === 0 || !maySee
      ? []
      : guest.journal.query({ units: [unit.name], boot: guest.bootNumber }).slice(-lines);
  if (entries.length > 0)
    text.push('\n', ...entries.map((entry) => entryText(entry, guest.seed.hostname, 'short')));
  return text.join('');
};

export const properties = (call: Call, unit: Unit | undefined, name: string): Record<string, string> => {
  if (!unit)
    return {
      Id: unitName(name),
      LoadState: 'not-found',
      ActiveState: 'inactive',
      SubState: 'dead',
      Result: 'success',
      MainPID: '0',
      UnitFileState: '',
    };
  const stamp = systemdTime(unit.sinceMs);
  return {
    Type: unit.seed.type ?? 'simple',
    Restart: 'no',
    MainPID: String(unit.mainPid),
    Result: unit.result,
    ExecMainStatus: String(unit.exitStatus),
    ExecMainCode: unit.active === 'failed' ? '1' : '0',
    NRestarts: '0',
    User: unit.seed.user ?? '',
    Id: unit.name,
    Names: unit.name,
    Description: unit.seed.description,
    ExecStart: `{ path=${(unit.seed.execStart ?? '').split(' ')[0]} ; argv[]=${unit.seed.execStart ?? ''} }`,
    LoadState: 'loaded',
    ActiveState: unit.active,
    SubState: unit.sub,
    FragmentPath: fragment(unit),
    UnitFileState: unit.enabled ? 'enabled' : 'disabled',
    StateChangeTimestamp: stamp,
    ActiveEnterTimestamp: unit.active === 'active' ? stamp : '',
    InactiveEnterTimestamp: unit.active === 'active' ? '' : stamp,
    ExecMainStartTimestamp: systemdTime(unit.startedMs),
    MemoryCurrent: String(
      unit.pids.reduce((sum, pid) => sum + (call.guest.processes.get(pid)?.rssKb ?? 0) * 1024, 0),
    ),
  };
};
