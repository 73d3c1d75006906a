// free, uptime, vmstat, top, iostat, swapon: load and memory.
import type { Call, Program } from '../call.ts';
import { pause } from '../call.ts';
import { KERNEL } from '../state/debian.ts';
import { memoryOf } from '../state/memory.ts';
import { binary, decimalSize, table, uptimeText } from './format.ts';
import { parseOptions } from './options.ts';

const load = (call: Call): string =>
  call.guest
    .load()
    .load.map((value) => value.toFixed(2))
    .join(', ');
export const timeOfDay = (ms: number): string => new Date(ms).toISOString().slice(11, 19);
export const uptimeLine = (call: Call, users: number): string =>
  ` ${timeOfDay(call.guest.now())} up ${uptimeText(call.guest.uptimeS())},  ${users} user${users === 1 ? '' : 's'},  load average: ${load(call)}\n`;

export const free: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'hbkmgwtl',
    values: 'sc',
    long: ['human', 'mebi', 'gibi', 'kibi', 'bytes', 'wide', 'total'],
  });
  const memory = memoryOf(call.guest);
  const unit = options.has('b', 'bytes')
    ? 1 / 1024
    : options.has('m', 'mebi')
      ? 1024
      : options.has('g', 'gibi')
        ? 1024 ** 2
        : 1;
  const show = (kb: number): string =>
    options.has('h', 'human') ? binary(kb * 1024) : String(Math.floor(kb / unit));
  const row = (name: string, values: readonly number[]): string =>
    `${name.padEnd(8)}${values.map((value) => show(value).padStart(12)).join('')}\n`;
  const cache = memory.buffersKb + memory.cachedKb;
  await call.out(
    `${' '.repeat(8)}${['total', 'used', 'free', 'shared', 'buff/cache', 'available'].map((text) => text.padStart(12)).join('')}\n`,
  );
  await call.out(
    row('Mem:', [
      memory.totalKb,
      memory.totalKb - memory.availableKb,
      memory.freeKb,
      9_800,
      cache,
      memory.availableKb,
    ]),
  );
  await call.out(
    row('Swap:', [memory.swapTotalKb, memory.swapTotalKb - memory.swapFreeKb, memory.swapFreeKb]),
  );
  return 0;
};

export const uptime: Program = async (call) => {
  const since = new Date(call.guest.bootMs).toISOString().slice(0, 19).replace('T', ' ');
  const [days, clock] = [
    Math.floor(call.guest.uptimeS() / 86_400),
    Math.floor(call.guest.uptimeS() / 60) % 1440,
  ];
  const parts = [
    days > 0 ? `${days} days` : '',
    clock >= 60 ? `${Math.floor(clock / 60)} hours` : '',
    `${clock % 60} minutes`,
  ].filter((part) => part !== '');
  if (call.args.includes('-s')) await call.out(`${since}\n`);
  else await call.out(call.args.includes('-p') ? `up ${parts.join(', ')}\n` : uptimeLine(call, 0));
  return 0;
};

export const vmstat: Program = async (call) => {
  const [every = '0', times = every === '0' ? '1' : String(Number.MAX_SAFE_INTEGER)] = call.args.filter(
    (arg) => /^\d+$/.test(arg),
  );
  await call.out(
    'procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----\n r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n',
  );
  for (let count = 0; count < Number(times) && !call.signal.aborted; count += 1) {
    if (count > 0) await pause(Number(every) * 1000, call.signal);
    const memory = memoryOf(call.guest);
    const busy = Math.min(95, Math.round((call.guest.load().load[0] / call.guest.cores()) * 60));
    const values = [
      [busy > 50 ? 2 : 1, 2],
      [0, 2],
      [memory.swapTotalKb - memory.swapFreeKb, 6],
      [memory.freeKb, 6],
      [memory.buffersKb, 6],
      [memory.cachedKb, 6],
      [0, 4],
      [0, 4],
      [3, 5],
      [12, 5],
      [118, 4],
      [201, 4],
      [busy, 2],
      [1, 2],
      [99 - busy, 2],
      [0, 2],
      [0, 2],
    ] as const;
    await call.out(`${values.map(([value, width]) => String(value).padStart(width)).join(' ')}\n`);
  }
  return 0;
};

const screen = (call: Call): string => {
  const { guest } = call;
  const memory = memoryOf(guest);
  const mib = (kb: number): string => (kb / 1024).toFixed(1).padStart(8);
  const rows = guest.processes.list();
  const busy = Math.min(95, (guest.load().load[0] / guest.cores()) * 60);
  const running = rows.filter(({ stat }) => stat.startsWith('R')).length || 1;
  const head = `top - ${uptimeLine(call, 0).trim()}\nTasks: ${String(rows.length).padStart(3)} total, ${String(running).padStart(3)} running, ${String(rows.length - running).padStart(3)} sleeping,   0 stopped,   0 zombie\n%Cpu(s): ${busy.toFixed(1).padStart(4)} us,  0.7 sy,  0.0 ni, ${(99.3 - busy).toFixed(1)} id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st\nMiB Mem : ${mib(memory.totalKb)} total, ${mib(memory.freeKb)} free, ${mib(memory.usedKb)} used, ${mib(memory.buffersKb + memory.cachedKb)} buff/cache\nMiB Swap: ${mib(memory.swapTotalKb)} total, ${mib(memory.swapFreeKb)} free, ${mib(memory.swapTotalKb - memory.swapFreeKb)} used. ${mib(memory.availableKb)} avail Mem\n\n`;
  const time = (seconds: number): string =>
    `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, '0')}`;
  const sorted = rows.sort((a, b) => b.cpuPercent - a.cpuPercent || b.rssKb - a.rssKb);
  return (
    head +
    table(
      [
        ['PID', 'USER', 'PR', 'NI', 'VIRT', 'RES', 'SHR', 'S', '%CPU', '%MEM', 'TIME+', 'COMMAND'],
        ...sorted.map((row) => [
          String(row.pid),
          guest.userName(row.uid).slice(0, 8),
          '20',
          '0',
          String(row.vszKb),
          String(row.rssKb),
          String(Math.round(row.rssKb * 0.4)),
          row.stat[0] ?? 'S',
          row.cpuPercent.toFixed(1),
          ((row.rssKb / memory.totalKb) * 100).toFixed(1),
          time(row.cpuSeconds),
          row.comm,
        ]),
      ],
      [0, 2, 3, 4, 5, 6, 8, 9, 10],
    )
  );
};

export const top: Program = async (call) => {
  if (
    !/b/.test(call.args.filter((arg) => /^-?[a-zA-Z]+/.test(arg)).join('')) &&
    !call.args.includes('--batch')
  ) {
    await call.err('top: failed tty get\n');
    return 1;
  }
  const text = call.args.join(' ');
  const times = Number(/n\s*(\d+)/.exec(text)?.[1] ?? Number.MAX_SAFE_INTEGER);
  const every = Number(/d\s*([\d.]+)/.exec(text)?.[1] ?? 3);
  for (let count = 0; count < times && !call.signal.aborted; count += 1) {
    if (count > 0) await pause(every * 1000, call.signal);
    await call.out(`${count > 0 ? '\n' : ''}${screen(call)}`);
  }
  return 0;
};

export const iostat: Program = async (call) => {
  const busy = Math.min(95, (call.guest.load().load[0] / call.guest.cores()) * 60).toFixed(2);
  await call.out(
    `Linux ${KERNEL} (${call.guest.seed.hostname}) \t${new Date(call.guest.now()).toISOString().slice(0, 10)} \t_x86_64_\t(${call.guest.cores()} CPU)\n\navg-cpu:  %user   %nice %system %iowait  %steal   %idle\n${busy.padStart(15)}    0.00    0.71    0.02    0.00   ${(99.2 - Number(busy)).toFixed(2)}\n\nDevice             tps    kB_read/s    kB_wrtn/s    kB_dscd/s    kB_read    kB_wrtn    kB_dscd\nsda               4.12         9.87        61.40         0.00    4120331   25630211          0\n\n`,
  );
  return 0;
};

export const swapon: Program = async (call) => {
  const memory = memoryOf(call.guest);
  if (call.args.some((arg) => !['--show', '-s', '--summary', '--noheadings', '--bytes'].includes(arg)))
    return call.who.uid === 0 ? 0 : 1;
  if (memory.swapTotalKb > 0)
    await call.out(
      table(
        [
          ['NAME', 'TYPE', 'SIZE', 'USED', 'PRIO'],
          [
            '/dev/sda5',
            'partition',
            decimalSize(memory.swapTotalKb * 1024),
            decimalSize((memory.swapTotalKb - memory.swapFreeKb) * 1024),
            '-2',
          ],
        ],
        [2, 3, 4],
      ),
    );
  return 0;
};
