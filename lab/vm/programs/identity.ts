// Who, where and what: id whoami groups getent who w last users, uname hostname hostnamectl nproc lscpu.
import type { Call, Program } from '../call.ts';
import type { User } from '../state/credentials.ts';
import { KERNEL, KERNEL_BUILD, MACHINE_ID } from '../state/debian.ts';
import { timeOfDay, uptimeLine } from './memory.ts';

const me = (call: Call): User | undefined => call.guest.users.find((user) => user.uid === call.who.uid);

export const id: Program = async (call) => {
  const [named] = call.args.filter((arg) => !arg.startsWith('-'));
  const user = named === undefined ? me(call) : call.guest.user(named);
  if (!user) {
    await call.err(`id: '${named}': no such user\n`);
    return 1;
  }
  const groups = [user.gid, ...user.groups];
  const flags = call.args.filter((arg) => arg.startsWith('-')).join('');
  const name = flags.includes('n');
  if (flags.includes('u')) await call.out(`${name ? user.name : user.uid}\n`);
  else if (flags.includes('G'))
    await call.out(`${groups.map((gid) => (name ? call.guest.groupName(gid) : gid)).join(' ')}\n`);
  else if (flags.includes('g')) await call.out(`${name ? call.guest.groupName(user.gid) : user.gid}\n`);
  else
    await call.out(
      `uid=${user.uid}(${user.name}) gid=${user.gid}(${call.guest.groupName(user.gid)}) groups=${groups.map((gid) => `${gid}(${call.guest.groupName(gid)})`).join(',')}\n`,
    );
  return 0;
};

export const whoami: Program = async (call) => {
  await call.out(`${call.guest.userName(call.who.uid)}\n`);
  return 0;
};

export const groups: Program = async (call) => {
  const user = call.args[0] === undefined ? me(call) : call.guest.user(call.args[0]);
  if (!user) return 1;
  await call.out(
    `${call.args[0] === undefined ? '' : `${user.name} : `}${[user.gid, ...user.groups].map((gid) => call.guest.groupName(gid)).join(' ')}\n`,
  );
  return 0;
};

export const getent: Program = async (call) => {
  const [database, ...keys] = call.args;
  const file = { passwd: '/etc/passwd', group: '/etc/group', hosts: '/etc/hosts' }[database ?? ''];
  if (file === undefined) return 1;
  const lines = Buffer.from(call.guest.tree.read(file, call.who))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  const found =
    keys.length === 0
      ? lines
      : lines.filter((line) =>
          keys.some(
            (key) =>
              line.split(':')[0] === key || line.split(':')[2] === key || line.split(/\s+/).includes(key),
          ),
        );
  await call.out(found.map((line) => `${line}\n`).join(''));
  return found.length === 0 ? 2 : 0;
};

/** Nobody sits at a terminal: SSH commands have none. */
export const who: Program = async (call) => {
  if (call.args.includes('-b') || call.args.includes('--boot'))
    await call.out(
      `         system boot  ${new Date(call.guest.bootMs).toISOString().slice(0, 16).replace('T', ' ')}\n`,
    );
  return 0;
};
export const users: Program = () => 0;

export const w: Program = async (call) => {
  await call.out(
    `${uptimeLine(call, 0)}USER     TTY      FROM             LOGIN@   IDLE   JCPU   PCPU WHAT\n`,
  );
  return 0;
};

export const last: Program = async (call) => {
  const boots = call.guest.journal.boots().reverse();
  const stamp = (ms: number): string =>
    new Date(ms).toUTCString().replace(/^(\w+), (\d+) (\w+) \d+ ([\d:]{5}).*$/, '$1 $3 $2 $4');
  for (const [index, boot] of boots.entries()) {
    const from = index === 0 ? call.guest.bootMs : boot.firstMs;
    await call.out(
      `reboot   system boot  ${KERNEL.padEnd(16)} ${stamp(from)}${index === 0 ? '   still running' : ` - ${timeOfDay(boot.lastMs).slice(0, 5)}`}\n`,
    );
  }
  await call.out(`\nwtmp begins ${stamp(boots.at(-1)?.firstMs ?? call.guest.bootMs)}\n`);
  return 0;
};

export const uname: Program = async (call) => {
  const flags = call.args.join('');
  const parts: [string, string][] = [
    ['s', 'Linux'],
    ['n', call.guest.seed.hostname],
    ['r', KERNEL],
    ['v', KERNEL_BUILD],
    ['m', 'x86_64'],
    ['o', 'GNU/Linux'],
  ];
  const wanted =
    flags.includes('a') || flags.includes('--all')
      ? parts
      : parts.filter(([letter]) => (flags === '' ? letter === 's' : flags.includes(letter)));
  await call.out(`${wanted.map(([, text]) => text).join(' ')}\n`);
  return 0;
};

export const arch: Program = async (call) => {
  await call.out('x86_64\n');
  return 0;
};

export const hostname: Program = async (call) => {
  const { address, hostname: name } = call.guest.seed;
  if (call.args.some((arg) => !arg.startsWith('-'))) {
    await call.err('hostname: you must be root to change the host name\n');
    return 1;
  }
  await call.out(call.args.some((arg) => arg === '-I' || arg === '-i') ? `${address} \n` : `${name}\n`);
  return 0;
};

export const hostnamectl: Program = async (call) => {
  await call.out(
    ` Static hostname: ${call.guest.seed.hostname}\n       Icon name: computer-vm\n         Chassis: vm\n      Machine ID: ${MACHINE_ID}\n  Virtualization: kvm\nOperating System: Debian GNU/Linux 12 (bookworm)\n          Kernel: Linux ${KERNEL}\n    Architecture: x86-64\n Hardware Vendor: QEMU\n  Hardware Model: Standard PC _Q35 + ICH9, 2009_\nFirmware Version: rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org\n`,
  );
  return 0;
};

export const nproc: Program = async (call) => {
  await call.out(`${call.guest.cores()}\n`);
  return 0;
};

export const lscpu: Program = async (call) => {
  await call.out(
    `Architecture:            x86_64\nCPU(s):                  ${call.guest.cores()}\nVendor ID:               GenuineIntel\nModel name:              QEMU Virtual CPU version 2.5+\nHypervisor vendor:       KVM\nVirtualization type:     full\n`,
  );
  return 0;
};

export const virtualization: Program = async (call) => {
  await call.out('kvm\n');
  return 0;
};

export const tty: Program = async (call) => {
  await call.out('not a tty\n');
  return 1;
};
