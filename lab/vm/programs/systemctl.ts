// systemctl: what units are, and their starts and stops. Changing needs root, as polkit would refuse over SSH.
import type { Call, Program } from '../call.ts';
import { ago, isoTime, systemdTime, table } from './format.ts';
import { parseOptions } from './options.ts';
import { fragment, properties, statusOf, unitName } from './unit-view.ts';

const CHANGES = [
  'start',
  'stop',
  'restart',
  'reload',
  'reload-or-restart',
  'try-restart',
  'reset-failed',
  'enable',
  'disable',
  'daemon-reload',
  'mask',
  'unmask',
  'kill',
  'daemon-reexec',
];

const notFound = async (call: Call, verb: string, name: string): Promise<number> => {
  await call.err(`Failed to ${verb} ${unitName(name)}: Unit ${unitName(name)} not found.\n`);
  return 5;
};

const list = async (call: Call, options: ReturnType<typeof parseOptions>): Promise<number> => {
  const states = options.all('state').flatMap((text) => text.split(','));
  if (options.has('failed')) states.push('failed');
  const types = options.all('t', 'type').flatMap((text) => text.split(','));
  const patterns = options.operands
    .slice(1)
    .map((glob) => new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`));
  const units = call.guest.units
    .list()
    .filter((unit) =>
      states.length > 0
        ? states.includes(unit.active) || states.includes(unit.sub)
        : options.has('a', 'all') || unit.active !== 'inactive',
    )
    .filter((unit) => types.length === 0 || types.includes(unit.name.split('.').at(-1) ?? ''))
    .filter((unit) => patterns.length === 0 || patterns.some((pattern) => pattern.test(unit.name)));
  const plain = options.has('plain');
  const rows = units.map((unit) => [
    ...(plain ? [] : [unit.active === 'failed' ? '●' : ' ']),
    unit.name,
    'loaded',
    unit.active,
    unit.sub,
    unit.seed.description,
  ]);
  const legend = !options.has('no-legend') && options.value('legend') !== 'false';
  await call.out(
    table(
      legend ? [[...(plain ? [] : [' ']), 'UNIT', 'LOAD', 'ACTIVE', 'SUB', 'DESCRIPTION'], ...rows] : rows,
    ),
  );
  if (legend) {
    const keys =
      rows.length === 0
        ? ''
        : '\nLOAD   = Reflects whether the unit definition was properly loaded.\nACTIVE = The high-level unit activation state, i.e. generalization of SUB.\nSUB    = The low-level unit activation state, values depend on unit type.';
    await call.out(
      `${keys === '' ? '' : `${keys}\n`}${rows.length} loaded units listed.${options.has('a', 'all') || states.length > 0 ? '' : " Pass --all to see loaded but inactive units, too.\nTo show all installed unit files use 'systemctl list-unit-files'."}\n`,
    );
  }
  return 0;
};

const change = async (call: Call, verb: string, names: readonly string[], now: boolean): Promise<number> => {
  const { units } = call.guest;
  if (call.who.uid !== 0) {
    const what = names[0] === undefined ? '' : ` ${unitName(names[0])}`;
    const text = verb === 'daemon-reload' ? 'Failed to reload daemon' : `Failed to ${verb}${what}`;
    await call.err(
      `${text}: Interactive authentication required.\n${verb === 'daemon-reload' ? '' : `See system logs and 'systemctl status${what}' for details.\n`}`,
    );
    return verb === 'daemon-reload' ? 1 : 4;
  }
  if (verb === 'daemon-reload' || verb === 'daemon-reexec') return 0;
  if (verb === 'reset-failed' && names.length === 0) return units.resetFailed() ? 0 : 1;
  let status = 0;
  for (const name of names) {
    const unit = units.get(name);
    if (!unit) {
      status = await notFound(call, verb, name);
      continue;
    }
    if (verb === 'reset-failed') units.resetFailed(unit.name);
    else if (verb === 'enable' || verb === 'disable') {
      unit.enabled = verb === 'enable';
      const link = `/etc/systemd/system/multi-user.target.wants/${unit.name}`;
      await call.err(
        verb === 'enable' ? `Created symlink ${link} → ${fragment(unit)}.\n` : `Removed "${link}".\n`,
      );
      if (now) status |= await change(call, verb === 'enable' ? 'start' : 'stop', [name], false);
    } else if (verb === 'stop' || verb === 'kill') units.stop(unit.name);
    else if (verb === 'try-restart' && unit.active !== 'active') continue;
    else {
      if (verb !== 'start') units.stop(unit.name);
      const outcome = units.start(unit.name);
      if (!outcome.ok) {
        status = 1;
        await call.err(
          `Job for ${unit.name} failed because the control process exited with error code.\nSee "systemctl status ${unit.name}" and "journalctl -xeu ${unit.name}" for details.\n`,
        );
      }
    }
  }
  return status;
};

export const systemctl: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'alqfrH',
    values: 'nptso',
    long: [
      'no-pager',
      'all',
      'failed',
      'full',
      'quiet',
      'now',
      'plain',
      'no-legend',
      'no-block',
      'value',
      'force',
      'user',
      'system',
      'no-ask-password',
      'reverse',
    ],
    longValues: ['lines', 'property', 'type', 'state', 'output', 'legend', 'signal', 'kill-who', 'job-mode'],
  });
  const [verb = 'list-units', ...names] = options.operands;
  const { units, seed, bootMs, now } = call.guest;
  if (options.unknown !== undefined) {
    await call.err(`systemctl: ${options.unknown}\n`);
    return 1;
  }
  if (CHANGES.includes(verb)) return change(call, verb, names, options.has('now'));
  switch (verb) {
    case 'list-units':
      return list(call, options);
    case 'list-unit-files':
      await call.out(
        table([
          ['UNIT FILE', 'STATE', 'PRESET'],
          ...units.list().map((unit) => [unit.name, unit.enabled ? 'enabled' : 'disabled', 'enabled']),
        ]),
      );
      return 0;
    case 'list-timers':
      await call.out(
        table([
          ['NEXT', 'LEFT', 'LAST', 'PASSED', 'UNIT', 'ACTIVATES'],
          ...units
            .list()
            .filter(({ name }) => name.endsWith('.timer'))
            .map(({ name }) => [
              systemdTime(now() + 21_000_000),
              '5h left',
              systemdTime(now() - 65_000_000),
              '18h ago',
              name,
              name.replace('.timer', '.service'),
            ]),
        ]),
      );
      return 0;
    case 'is-active':
    case 'is-failed':
    case 'is-enabled': {
      let status = verb === 'is-failed' ? 1 : 0;
      for (const name of names) {
        const unit = units.get(name);
        const state =
          verb === 'is-enabled' ? (unit?.enabled ? 'enabled' : 'disabled') : (unit?.active ?? 'inactive');
        if (!options.has('q', 'quiet')) await call.out(`${state}\n`);
        if (verb === 'is-failed') status = state === 'failed' ? 0 : status;
        else if (state !== 'active' && state !== 'enabled') status = verb === 'is-active' ? 3 : 1;
      }
      return status;
    }
    case 'is-system-running': {
      const failed = units.list().some(({ active }) => active === 'failed');
      await call.out(failed ? 'degraded\n' : 'running\n');
      return failed ? 1 : 0;
    }
    case 'show': {
      const wanted = options.all('p', 'property').flatMap((text) => text.split(','));
      for (const [index, name] of names.entries()) {
        const all = properties(call, units.get(name), name);
        const rows =
          wanted.length === 0
            ? Object.entries(all)
            : wanted.map((key): [string, string] => [key, all[key] ?? '']);
        await call.out(
          `${index > 0 ? '\n' : ''}${rows.map(([key, value]) => (options.has('value') ? `${value}\n` : `${key}=${value}\n`)).join('')}`,
        );
      }
      return 0;
    }
    case 'cat':
      for (const name of names) {
        const unit = units.get(name);
        if (!unit) {
          await call.err(`No files found for ${unitName(name)}.\n`);
          return 1;
        }
        await call.out(
          `# ${fragment(unit)}\n[Unit]\nDescription=${unit.seed.description}\n\n[Service]\nType=${unit.seed.type ?? 'simple'}\n${unit.seed.user === undefined ? '' : `User=${unit.seed.user}\n`}ExecStart=${unit.seed.execStart ?? ''}\n\n[Install]\nWantedBy=multi-user.target\n`,
        );
      }
      return 0;
    case 'status': {
      if (names.length === 0) {
        const failed = units.list().filter(({ active }) => active === 'failed').length;
        await call.out(
          `● ${seed.hostname}\n    State: ${failed > 0 ? 'degraded' : 'running'}\n    Units: ${units.list().length + 180} loaded (incl. loaded aliases)\n     Jobs: 0 queued\n   Failed: ${failed} units\n    Since: ${systemdTime(bootMs)}; ${ago(now() - bootMs)}\n  systemd: 252.38-1~deb12u1\n   CGroup: /\n`,
        );
        return 0;
      }
      let status = 0;
      for (const [index, name] of names.entries()) {
        const unit = units.get(name);
        if (!unit) {
          await call.err(`Unit ${unitName(name)} could not be found.\n`);
          status = 4;
          continue;
        }
        await call.out(
          `${index > 0 ? '\n' : ''}${statusOf(call, unit, Number(options.value('n', 'lines') ?? 10))}`,
        );
        if (unit.active !== 'active') status = 3;
      }
      return status;
    }
    case 'reboot':
    case 'poweroff':
      if (call.who.uid !== 0) {
        await call.err(
          `Failed to set wall message, ignoring: Interactive authentication required.\nCall to ${verb === 'reboot' ? 'Reboot' : 'PowerOff'} failed: Interactive authentication required.\n`,
        );
        return 1;
      }
      call.power(verb);
      return 0;
    case 'get-default':
      await call.out('multi-user.target\n');
      return 0;
    default:
      await call.err(`Unknown command verb ${verb}.\n`);
      return 1;
  }
};

export const timedatectl: Program = async (call) => {
  await call.out(
    `               Local time: ${systemdTime(call.guest.now())}\n           Universal time: ${systemdTime(call.guest.now())}\n                 RTC time: ${isoTime(call.guest.now())}\n                Time zone: Etc/UTC (UTC, +0000)\nSystem clock synchronized: yes\n              NTP service: active\n          RTC in local TZ: no\n`,
  );
  return 0;
};
