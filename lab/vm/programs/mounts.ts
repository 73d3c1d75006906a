// mount, findmnt, lsblk, blkid, and disk tools that only look.
import type { Program } from '../call.ts';
import { decimalSize, human, table } from './format.ts';
import { parseOptions } from './options.ts';

export const mount: Program = async (call) => {
  const options = parseOptions(call.args, { flags: 'lavrw', values: 'to' });
  if (options.operands.length > 0 || options.has('a', 'o')) {
    if (call.who.uid !== 0) {
      await call.err('mount: only root can do that\n');
      return 1;
    }
    return 0;
  }
  const type = options.value('t');
  for (const fs of call.guest.tree.mounts)
    if (type === undefined || fs.type === type)
      await call.out(`${fs.source} on ${fs.mount} type ${fs.type} (${fs.options})\n`);
  return 0;
};

export const findmnt: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'nrlDTM',
    values: 'ot',
    long: ['noheadings', 'df', 'raw', 'real'],
    longValues: ['output', 'target', 'source', 'types'],
  });
  const [wanted] = options.operands;
  const mounts = call.guest.tree.mounts.filter(
    (fs) => wanted === undefined || fs.mount === wanted || fs.source === wanted,
  );
  if (mounts.length === 0) return 1;
  const columns = (options.value('o', 'output') ?? 'TARGET,SOURCE,FSTYPE,OPTIONS').toUpperCase().split(',');
  const rows = mounts.map((fs) => {
    const { usedBytes, availableBytes } = call.guest.tree.usage(fs);
    const values: Record<string, string> = {
      TARGET: fs.mount,
      SOURCE: fs.source,
      FSTYPE: fs.type,
      OPTIONS: fs.options,
      SIZE: decimalSize(fs.sizeBytes),
      USED: decimalSize(usedBytes),
      AVAIL: decimalSize(availableBytes),
      'USE%': `${Math.ceil((usedBytes / Math.max(1, usedBytes + availableBytes)) * 100)}%`,
    };
    return columns.map((name) => values[name] ?? '');
  });
  await call.out(table(options.has('n', 'noheadings') ? rows : [columns, ...rows]));
  return 0;
};

export const lsblk: Program = async (call) => {
  const root = call.guest.tree.mounts[0];
  const size = root?.sizeBytes ?? 0;
  const swap = call.guest.seed.swapBytes;
  const file = call.args.some((arg) => arg === '-f' || arg === '--fs');
  const rows = file
    ? [
        ['NAME', 'FSTYPE', 'FSVER', 'LABEL', 'UUID', 'FSAVAIL', 'FSUSE%', 'MOUNTPOINTS'],
        ['sda'],
        [
          '├─sda1',
          root?.type ?? '',
          '1.0',
          '',
          '2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52',
          root ? human(call.guest.tree.usage(root).availableBytes) : '',
          root ? `${Math.round((call.guest.tree.usage(root).usedBytes / size) * 100)}%` : '',
          '/',
        ],
        ['└─sda5', 'swap', '1', '', 'b0a7d7c6-6a49-4e2b-8d35-3b1f5a3e4c11', '', '', '[SWAP]'],
      ]
    : [
        ['NAME', 'MAJ:MIN', 'RM', 'SIZE', 'RO', 'TYPE', 'MOUNTPOINTS'],
        ['sda', '8:0', '0', human(size + swap), '0', 'disk', ''],
        ['├─sda1', '8:1', '0', human(size), '0', 'part', '/'],
        ['└─sda5', '8:5', '0', human(swap), '0', 'part', '[SWAP]'],
      ];
  await call.out(table(rows, file ? [] : [3]));
  return 0;
};

export const blkid: Program = async (call) => {
  if (call.who.uid !== 0) return 2;
  await call.out(
    `/dev/sda1: UUID="2c7f0f3e-6d1d-4f7e-8f7e-0f3f3e1b8d52" BLOCK_SIZE="4096" TYPE="ext4"\n/dev/sda5: UUID="b0a7d7c6-6a49-4e2b-8d35-3b1f5a3e4c11" TYPE="swap"\n`,
  );
  return 0;
};

export const smartctl: Program = async (call) => {
  await call.out(
    'smartctl 7.3 2022-02-28 r5338 [x86_64-linux] (local build)\n\n=== START OF INFORMATION SECTION ===\nVendor:               QEMU\nProduct:              QEMU HARDDISK\n\nSMART support is:     Unavailable - device lacks SMART capability.\n',
  );
  return 4;
};
