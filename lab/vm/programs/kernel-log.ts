// dmesg and logger.
import type { Program } from '../call.ts';
import { PRIORITIES } from '../state/journal.ts';
import { parseOptions } from './options.ts';

export const dmesg: Program = async (call) => {
  if (call.who.uid !== 0) {
    await call.err('dmesg: read kernel buffer failed: Operation not permitted\n');
    return 1;
  }
  const options = parseOptions(call.args, {
    flags: 'THkxwre',
    values: 'ln',
    long: ['ctime', 'human', 'nopager', 'follow', 'kernel', 'decode', 'reltime'],
    longValues: ['level', 'color', 'time-format'],
  });
  const levels = options.value('l', 'level')?.split(',');
  const { bootMs, bootNumber, journal } = call.guest;
  const lines = journal
    .query({ kernel: true, boot: bootNumber })
    .filter(
      ({ priority }) =>
        levels === undefined || levels.includes((PRIORITIES[priority] ?? '').replace('warning', 'warn')),
    );
  for (const { atMs, message } of lines) {
    const stamp = options.has('T', 'ctime', 'e', 'H')
      ? new Date(atMs).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/, '$1 $3 $2 $5 $4')
      : ((atMs - bootMs) / 1000).toFixed(6).padStart(12);
    await call.out(`[${stamp}] ${message}\n`);
  }
  return 0;
};

export const logger: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'is',
    values: 'tp',
    longValues: ['tag', 'priority'],
    long: ['stderr'],
  });
  const message =
    options.operands.length > 0
      ? options.operands.join(' ')
      : (await call.stdio.stdin()).toString('utf8').trimEnd();
  call.guest.log(undefined, options.value('t', 'tag') ?? call.guest.userName(call.who.uid), message, {
    pid: call.process.pid,
    priority: 5,
  });
  return 0;
};
