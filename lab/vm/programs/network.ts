// ss, ip, ping, lsof.
import type { Program } from '../call.ts';
import { pause } from '../call.ts';
import { table } from './format.ts';
import { parseOptions } from './options.ts';

export const ss: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: '*',
    long: ['listening', 'tcp', 'udp', 'numeric', 'processes', 'summary', 'all'],
  });
  const { units, processes } = call.guest;
  if (options.has('s', 'summary')) {
    await call.out('Total: 148\nTCP:   7 (estab 1, closed 0, orphaned 0, timewait 0)\n');
    return 0;
  }
  const show = options.has('p', 'processes');
  const rows: string[][] = [];
  for (const unit of units.list()) {
    if (unit.active !== 'active') continue;
    for (const address of unit.seed.listens ?? []) {
      const row = processes.get(unit.mainPid);
      const users =
        show && row && (call.who.uid === 0 || call.who.uid === row.uid)
          ? `users:(("${row.comm}",pid=${row.pid},fd=3))`
          : '';
      rows.push([
        'tcp',
        'LISTEN',
        '0',
        '128',
        address,
        address.startsWith('[') ? '[::]:*' : '0.0.0.0:*',
        users,
      ]);
    }
  }
  const established = ['tcp', 'ESTAB', '0', '0', `${call.guest.seed.address}:22`, '10.20.0.1:51514', ''];
  const listening = options.has('l', 'listening');
  const shown =
    options.has('u', 'udp') && !options.has('t', 'tcp')
      ? []
      : listening
        ? rows
        : options.has('a', 'all')
          ? [...rows, established]
          : [established];
  const both = !(options.has('t', 'tcp') && !options.has('u', 'udp'));
  const head = [
    'Netid',
    'State',
    'Recv-Q',
    'Send-Q',
    'Local Address:Port',
    'Peer Address:Port',
    show ? 'Process' : '',
  ];
  await call.out(
    table(
      [head, ...shown].map((row) => (both ? row : row.slice(1))),
      [],
      '  ',
    ),
  );
  return 0;
};

export const ip: Program = async (call) => {
  const { address } = call.guest.seed;
  const object = call.args.filter((arg) => !arg.startsWith('-'))[0] ?? '';
  if (object.startsWith('a') || object.startsWith('l')) {
    const inet = object.startsWith('a');
    if (call.args.includes('-br') || call.args.includes('-brief'))
      await call.out(
        `lo               UNKNOWN        ${inet ? '127.0.0.1/8 ::1/128 ' : '00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> '}\nens18            UP             ${inet ? `${address}/24 ` : 'bc:24:11:5e:10:66 <BROADCAST,MULTICAST,UP,LOWER_UP> '}\n`,
      );
    else
      await call.out(
        `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n${inet ? '    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n' : ''}2: ens18: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP group default qlen 1000\n    link/ether bc:24:11:5e:10:66 brd ff:ff:ff:ff:ff:ff\n${inet ? `    inet ${address}/24 brd ${address.replace(/\d+$/, '255')} scope global ens18\n       valid_lft forever preferred_lft forever\n` : ''}`,
      );
    return 0;
  }
  if (object.startsWith('r')) {
    await call.out(
      `default via ${address.replace(/\d+$/, '1')} dev ens18 onlink \n${address.replace(/\d+$/, '0')}/24 dev ens18 proto kernel scope link src ${address} \n`,
    );
    return 0;
  }
  await call.err(`Object "${object}" is unknown, try "ip help".\n`);
  return 1;
};

/** Its own addresses and the gateway answer; there is no other network here. */
export const ping: Program = async (call) => {
  const options = parseOptions(call.args, { flags: '46nqDO', values: 'ciWws' });
  const [target = ''] = options.operands;
  const count = Number(options.value('c') ?? Number.POSITIVE_INFINITY);
  const every = Number(options.value('i') ?? 1) * 1000;
  const { address, hostname } = call.guest.seed;
  const gateway = address.replace(/\d+$/, '1');
  const resolved = { localhost: '127.0.0.1', [hostname]: '127.0.1.1' }[target] ?? target;
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(resolved)) {
    await call.err(`ping: ${target}: Temporary failure in name resolution\n`);
    return 2;
  }
  const answers = resolved.startsWith('127.') || resolved === address || resolved === gateway;
  await call.out(`PING ${target} (${resolved}) 56(84) bytes of data.\n`);
  const startMs = call.guest.now();
  let sent = 0;
  while (sent < count && !call.signal.aborted) {
    if (sent > 0) await pause(every, call.signal);
    sent += 1;
    if (answers)
      await call.out(`64 bytes from ${resolved}: icmp_seq=${sent} ttl=64 time=0.0${31 + (sent % 9)} ms\n`);
  }
  const loss = answers ? 0 : 100;
  await call.out(
    `\n--- ${target} ping statistics ---\n${sent} packets transmitted, ${answers ? sent : 0} received, ${loss}% packet loss, time ${call.guest.now() - startMs}ms\n${answers ? 'rtt min/avg/max/mdev = 0.031/0.035/0.039/0.003 ms\n' : ''}`,
  );
  return answers ? 0 : 1;
};

/** No deleted file is held open in these scenarios, and the open ones are those that daemons listen with. */
export const lsof: Program = async (call) => {
  if (call.args.includes('+L1')) return 1;
  const rows = call.guest.units.list().flatMap((unit) => {
    const row = call.guest.processes.get(unit.mainPid);
    const listens = unit.active === 'active' && row ? (unit.seed.listens ?? []) : [];
    return row && call.who.uid === 0
      ? listens.map((address) => [
          row.comm.slice(0, 9),
          String(row.pid),
          call.guest.userName(row.uid),
          '3u',
          'IPv4',
          '18231',
          '0t0',
          'TCP',
          `${address.replace('0.0.0.0', '*')} (LISTEN)`,
        ])
      : [];
  });
  const onlyFile = call.args.find((arg) => arg.startsWith('/'));
  if (onlyFile !== undefined || rows.length === 0) return 1;
  await call.out(
    table([['COMMAND', 'PID', 'USER', 'FD', 'TYPE', 'DEVICE', 'SIZE/OFF', 'NODE', 'NAME'], ...rows]),
  );
  return 0;
};
