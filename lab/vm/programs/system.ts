// Load, memory, sockets and who one is: free uptime vmstat ss id whoami hostname uname timedatectl
// sshd.
import { KERNEL, KERNEL_BUILD } from '../guest/debian.ts';
import { loadText, memoryOf, SHARED_KB } from '../guest/memory.ts';
import { done, optionsOf, type Program } from './program.ts';
import { binary, isoTime, systemdTime, table } from './text.ts';

export const free: Program = ({ guest, args }) => {
  const options = optionsOf(args, 'kmgh', 'human mebi gibi');
  const memory = memoryOf(guest);
  const unit = options.has('m', 'mebi') ? 1024 : options.has('g', 'gibi') ? 1024 ** 2 : 1;
  const show = (kb: number): string =>
    options.has('h', 'human') ? binary(kb * 1024) : String(Math.floor(kb / unit));
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(8)}${cells.map((cell) => cell.padStart(12)).join('')}\n`;
  const { totalKb, freeKb, availableKb, buffersKb, cachedKb, swapTotalKb, swapUsedKb } = memory;
  const ram = [totalKb, totalKb - availableKb, freeKb, SHARED_KB, buffersKb + cachedKb, availableKb];
  const swap = [swapTotalKb, swapUsedKb, swapTotalKb - swapUsedKb];
  const head = row('', ['total', 'used', 'free', 'shared', 'buff/cache', 'available']);
  return done(head + row('Mem:', ram.map(show)) + row('Swap:', swap.map(show)));
};

export const uptime: Program = ({ guest, args }) => {
  const options = optionsOf(args, 'ps', 'pretty since');
  const all = Math.floor(guest.uptimeS() / 60);
  const [days, hours, minutes] = [Math.floor(all / 1440), Math.floor(all / 60) % 24, all % 60];
  const many = (count: number, unit: string): string =>
    count === 0 ? '' : `${count} ${unit}${count === 1 ? '' : 's'}`;
  const long = [many(days, 'day'), many(hours, 'hour'), many(minutes, 'minute')].filter(
    (part) => part !== '',
  );
  if (options.has('s', 'since')) return done(`${isoTime(guest.bootMs)}\n`);
  if (options.has('p', 'pretty')) return done(`up ${long.join(', ') || '0 minutes'}\n`);
  const clock =
    hours > 0 ? `${String(hours).padStart(2)}:${String(minutes).padStart(2, '0')}` : `${minutes} min`;
  const up = days > 0 ? `${many(days, 'day')}, ${clock}` : clock;
  return done(
    ` ${isoTime(guest.now()).slice(11)} up ${up},  0 users,  load average: ${loadText(guest, ', ')}\n`,
  );
};

/** As many lines as were asked for, at once: nobody learns from the wait between them. */
export const vmstat: Program = ({ guest, args }) => {
  const [, times = 1] = optionsOf(args, 'nw').operands.map(Number);
  const memory = memoryOf(guest);
  const busy = Math.min(95, Math.round((guest.load().load[0] / guest.cores()) * 60));
  const figures = [memory.swapUsedKb, memory.freeKb, memory.buffersKb, memory.cachedKb];
  const kb = figures.map((figure) => String(figure).padStart(6)).join(' ');
  const cpu = `${String(busy).padStart(2)}  1 ${99 - busy}  0  0`;
  const line = ` 1  0 ${kb}    0    0     3    12  118  201 ${cpu}\n`;
  const head = `procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
 r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st\n`;
  return done(head + line.repeat(Math.min(times, 100)));
};

/** What listens, and the connection of the one who asks. Nothing here speaks UDP. */
export const ss: Program = ({ guest, args, who }) => {
  const options = optionsOf(args, 'tulnpaeomiH46', 'tcp udp listening numeric processes all no-header');
  const [, port] = /:(\d+)/.exec(options.operands.join(' ')) ?? [];
  const all = options.has('a', 'all');
  const rows = guest.units.list().flatMap(({ pids: [pid = 0], seed: { listens = [] } }) => {
    const row = guest.processes.get(pid);
    const maySee = options.has('p', 'processes') && (who.uid === 0 || who.uid === row?.uid);
    const users = maySee ? `users:(("${row?.comm}",pid=${pid},fd=3))` : '';
    const peer = (address: string): string => (address.startsWith('[') ? '[::]:*' : '0.0.0.0:*');
    return row === undefined ? [] : listens.map((at) => ['LISTEN', '0', '128', at, peer(at), users]);
  });
  const mine = ['ESTAB', '0', '0', `${guest.seed.address}:22`, '10.20.0.1:51514', ''];
  const listening = options.has('l', 'listening');
  const wanted = [...(listening || all ? rows : []), ...(!listening || all ? [mine] : [])];
  const isShown = ([, , , local = '']: string[]): boolean => port === undefined || local.endsWith(`:${port}`);
  const isTcp = options.has('t', 'tcp') || !options.has('u', 'udp');
  const head = ['State', 'Recv-Q', 'Send-Q', 'Local Address:Port', 'Peer Address:Port', 'Process'];
  const shown = isTcp ? wanted.filter(isShown) : [];
  return done(table(options.has('H', 'no-header') ? shown : [head, ...shown]));
};

export const id: Program = ({ guest: { accounts }, args, who }) => {
  const options = optionsOf(args, 'ugGn', 'user group groups name');
  const [named] = options.operands;
  const user = named === undefined ? who : accounts.byName(named);
  if (user === undefined) return done('', `id: '${named}': no such user\n`);
  const gids = [user.gid, ...user.groups];
  const isNamed = options.has('n', 'name');
  const shown = (gid: number): string => (isNamed ? accounts.groupName(gid) : String(gid));
  if (options.has('u', 'user')) return done(`${isNamed ? user.name : user.uid}\n`);
  if (options.has('g', 'group')) return done(`${shown(user.gid)}\n`);
  if (options.has('G', 'groups')) return done(`${gids.map(shown).join(' ')}\n`);
  const group = (gid: number): string => `${gid}(${accounts.groupName(gid)})`;
  return done(`uid=${user.uid}(${user.name}) gid=${group(user.gid)} groups=${gids.map(group).join()}\n`);
};
export const whoami: Program = ({ who }) => done(`${who.name}\n`);
export const hostname: Program = ({ guest: { seed }, args }) =>
  done(`${optionsOf(args, 'fsI').has('I') ? seed.address : seed.hostname}\n`);
export const uname: Program = ({ guest: { seed }, args }) => {
  const options = optionsOf(args, 'asnrvmo');
  const parts = { s: 'Linux', n: seed.hostname, r: KERNEL, v: KERNEL_BUILD, m: 'x86_64', o: 'GNU/Linux' };
  const asked = Object.entries(parts).flatMap(([letter, text]) => (options.has('a', letter) ? [text] : []));
  return done(`${asked.join(' ') || parts.s}\n`);
};

/** Its clock is that of the computer of the lab. */
export const timedatectl: Program = ({ guest, args }) => {
  const [verb = 'status'] = optionsOf(args, '', 'no-pager').operands;
  if (verb !== 'status') return done('', 'Failed to set time: Interactive authentication required.\n');
  const time = systemdTime(guest.now());
  return done(`               Local time: ${time}
           Universal time: ${time}
                 RTC time: ${time.slice(0, -4)}
                Time zone: Etc/UTC (UTC, +0000)
System clock synchronized: yes
              NTP service: active
          RTC in local TZ: no\n`);
};

/** `sshd -t`: the configuration of these drills is in order, and only root may read the keys. */
export const sshd: Program = ({ args, who }) => {
  if (who.uid !== 0) return done('', 'sshd: no hostkeys available -- exiting.\n');
  return args.includes('-t')
    ? done('')
    : done('', 'sshd re-exec requires execution with an absolute path\n', 255);
};
