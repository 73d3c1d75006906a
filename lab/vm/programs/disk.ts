// df and du, counted from the inodes.
import type { Call, Program } from '../call.ts';
import { reasonOf } from '../state/errors.ts';
import { type FileSystem, type Inode, normalize } from '../state/inode.ts';
import { human, parseSize, table } from './format.ts';
import { parseOptions } from './options.ts';

export const df: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'ahHikTlPm',
    values: 'txB',
    long: ['human-readable', 'inodes', 'print-type', 'local', 'total', 'all', 'portability', 'si'],
    longValues: ['output', 'type', 'exclude-type', 'block-size'],
  });
  const { tree } = call.guest;
  const only = options.all('t', 'type');
  const without = options.all('x', 'exclude-type');
  let status = 0;
  let shown: FileSystem[] = tree.mounts.filter(
    (fs) => fs.sizeBytes > 0 && (only.length === 0 || only.includes(fs.type)) && !without.includes(fs.type),
  );
  // Root first is no rule of df: it prints in the order of mounting, and udev comes before the disk.
  shown.sort(
    (a, b) =>
      Number(b.type === 'devtmpfs') - Number(a.type === 'devtmpfs') ||
      Number(b.mount === '/run') - Number(a.mount === '/run'),
  );
  if (options.operands.length > 0) {
    shown = [];
    for (const name of options.operands) {
      try {
        const device = tree.mounts.find((fs) => fs.source === name);
        shown.push(device ?? tree.lookup(normalize(call.cwd, name), call.who).fs);
      } catch (error) {
        status = 1;
        await call.err(`df: ${name}: ${reasonOf(error)}\n`);
      }
    }
    if (shown.length === 0) return 1;
  }
  const percent = (used: number, available: number): string =>
    used + available === 0 ? '-' : `${Math.ceil((used / (used + available)) * 100)}%`;
  const size = (bytes: number): string =>
    options.has('h', 'human-readable', 'H')
      ? human(bytes, options.has('H') ? 1000 : 1024)
      : String(
          Math.ceil(
            bytes /
              (options.has('m') ? 1024 ** 2 : (parseSize(options.value('B', 'block-size') ?? '1K') ?? 1024)),
          ),
        );
  const columns = options.value('output')?.split(',');
  const rows = shown.map((fs) => {
    const { usedBytes, inodes, availableBytes } = tree.usage(fs);
    const total = Math.floor(fs.sizeBytes / 16_384);
    const values: Record<string, string> = {
      source: fs.source,
      fstype: fs.type,
      size: size(fs.sizeBytes),
      used: size(usedBytes),
      avail: size(availableBytes),
      pcent: percent(usedBytes, availableBytes),
      itotal: String(total),
      iused: String(inodes),
      iavail: String(total - inodes),
      ipcent: percent(inodes, total - inodes),
      target: fs.mount,
    };
    return values;
  });
  const heads: Record<string, string> = {
    source: 'Filesystem',
    fstype: 'Type',
    size: options.has('h', 'human-readable', 'H') ? 'Size' : options.has('m') ? '1M-blocks' : '1K-blocks',
    used: 'Used',
    avail: options.has('h', 'human-readable', 'H') || columns ? 'Avail' : 'Available',
    pcent: 'Use%',
    itotal: 'Inodes',
    iused: 'IUsed',
    iavail: 'IFree',
    ipcent: 'IUse%',
    target: 'Mounted on',
  };
  const counted = options.has('i', 'inodes')
    ? ['itotal', 'iused', 'iavail', 'ipcent']
    : ['size', 'used', 'avail', 'pcent'];
  const wanted = columns?.filter((name) => name !== '') ?? [
    'source',
    ...(options.has('T', 'print-type') ? ['fstype'] : []),
    ...counted,
    'target',
  ];
  const least = (name: string, text: string): string =>
    name === 'source' ? text.padEnd(14) : ['size', 'used', 'avail'].includes(name) ? text.padStart(5) : text;
  const lines = [heads, ...rows].map((row) => wanted.map((name) => least(name, row[name] ?? '-')));
  const right = wanted.map((name, index) => (['source', 'fstype', 'target'].includes(name) ? -1 : index));
  await call.out(table(lines, right));
  return status;
};

interface Weigh {
  readonly call: Call;
  readonly apparent: boolean;
  readonly device: number | undefined;
  readonly seen: Set<number>;
  readonly excluded: readonly RegExp[];
  status: number;
  line(bytes: number, shown: string, depth: number, node: Inode): Promise<void>;
}

const weigh = async (work: Weigh, node: Inode, shown: string, depth: number): Promise<number> => {
  const { call } = work;
  if (
    call.signal.aborted ||
    work.seen.has(node.ino) ||
    (work.device !== undefined && node.fs.dev !== work.device)
  )
    return 0;
  if (work.excluded.some((pattern) => pattern.test(shown))) return 0;
  if (node.nlink > 1 || node.kind === 'dir') work.seen.add(node.ino);
  let bytes = work.apparent ? node.size : call.guest.tree.diskBytes(node);
  if (node.kind === 'dir') {
    if (call.guest.tree.allows(node, call.who, 4) && call.guest.tree.allows(node, call.who, 1)) {
      for (const [name, child] of node.entries)
        bytes += await weigh(work, child, `${shown.replace(/\/$/, '')}/${name}`, depth + 1);
    } else {
      work.status = 1;
      await call.err(`du: cannot read directory '${shown}': Permission denied\n`);
    }
  }
  await work.line(bytes, shown, depth, node);
  return bytes;
};

export const du: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'ahHkmscxbSl0D',
    values: 'dBt',
    long: ['all', 'human-readable', 'summarize', 'total', 'one-file-system', 'apparent-size', 'bytes', 'si'],
    longValues: ['max-depth', 'block-size', 'threshold', 'exclude', 'time'],
  });
  const summary = options.has('s', 'summarize');
  const limit = summary ? 0 : Number(options.value('d', 'max-depth') ?? Number.POSITIVE_INFINITY);
  const unit = options.has('b', 'bytes')
    ? 1
    : options.has('m')
      ? 1024 ** 2
      : (parseSize(options.value('B', 'block-size') ?? '1K') ?? 1024);
  const threshold = parseSize(options.value('t', 'threshold') ?? '0') ?? 0;
  const size = (bytes: number): string =>
    options.has('h', 'H', 'human-readable') ? human(bytes) : String(Math.ceil(bytes / unit));
  let total = 0;
  let status = 0;
  for (const name of options.operands.length === 0 ? ['.'] : options.operands) {
    try {
      const top = call.guest.tree.lookup(
        normalize(call.cwd, name),
        call.who,
        options.has('D') || name.endsWith('/'),
      );
      const work: Weigh = {
        call,
        apparent: options.has('b', 'bytes', 'apparent-size'),
        device: options.has('x', 'one-file-system') ? top.fs.dev : undefined,
        seen: new Set(),
        status: 0,
        excluded: options
          .all('exclude')
          .map((glob) => new RegExp(`(^|/)${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)),
        line: async (bytes, shown, depth, node) => {
          if (
            depth <= limit &&
            (node.kind === 'dir' || options.has('a', 'all') || depth === 0) &&
            bytes >= threshold
          )
            await call.out(`${size(bytes)}\t${shown}\n`);
        },
      };
      total += await weigh(work, top, name, 0);
      status |= work.status;
    } catch (error) {
      status = 1;
      await call.err(`du: cannot access '${name}': ${reasonOf(error)}\n`);
    }
  }
  if (options.has('c', 'total')) await call.out(`${size(total)}\ttotal\n`);
  return status;
};
