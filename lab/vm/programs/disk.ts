// Space: df du truncate apt-get lsof.
import { ROOT } from '../guest/accounts.ts';
import { diskBytes, type FileSystem, joined, type Node, normalize, READ } from '../guest/tree.ts';
import { done, forEach, optionsOf, type Program } from './program.ts';
import { human, sizeOf, table } from './text.ts';

const BYTES_PER_INODE = 16_384;

export const df: Program = ({ guest: { tree }, args, who, cwd }) => {
  const names = 'output? human-readable inodes print-type type= exclude-type= local all portability';
  const options = optionsOf(args, 'hikPTalt:x:', names);
  // As mounted: udev and /run come before the disk.
  const isDisk = ({ source }: FileSystem): number => Number(source.startsWith('/'));
  const mounts = tree.mounts.filter((fs) => fs.sizeBytes > 0).sort((a, b) => isDisk(a) - isDisk(b));
  const [only, without] = [options.all('t', 'type'), options.all('x', 'exclude-type')];
  const isWanted = ({ type }: FileSystem): boolean =>
    !without.includes(type) && (only.length === 0 || only.includes(type));
  const refused = (name: string, reason: string) => `df: ${name}: ${reason}`;
  const named = forEach(options.operands, refused, (name) => {
    return mounts.find(({ source }) => source === name) ?? tree.lookup(normalize(cwd, name), who).fs;
  });
  const asHuman = options.has('h', 'human-readable');
  const size = (bytes: number): string => (asHuman ? human(bytes) : String(bytes / 1024)).padStart(5);
  const percent = (used: number, free: number): string => `${Math.ceil((used / (used + free)) * 100)}%`;
  const heads: Record<string, string> = {
    source: 'Filesystem',
    fstype: 'Type',
    size: asHuman ? 'Size' : '1K-blocks',
    used: 'Used',
    avail: asHuman ? 'Avail' : 'Available',
    pcent: 'Use%',
    itotal: 'Inodes',
    iused: 'IUsed',
    iavail: 'IFree',
    ipcent: 'IUse%',
    target: 'Mounted on',
  };
  const rows = (options.operands.length > 0 ? named.values : mounts)
    .filter(isWanted)
    .map((fs): typeof heads => {
      const nodes = [...tree.nodesOf(fs)].length;
      const used = tree.used(fs);
      const free = Math.max(0, fs.sizeBytes - (fs.reservedBytes ?? 0) - used);
      const inodes = Math.floor(fs.sizeBytes / BYTES_PER_INODE);
      return {
        source: fs.source.padEnd(14),
        fstype: fs.type,
        size: size(fs.sizeBytes),
        used: size(used),
        avail: size(free),
        pcent: percent(used, free),
        itotal: String(inodes),
        iused: String(nodes),
        iavail: String(inodes - nodes),
        ipcent: percent(nodes, inodes - nodes),
        target: fs.mount,
      };
    });
  const counted = options.has('i', 'inodes') ? 'itotal,iused,iavail,ipcent' : 'size,used,avail,pcent';
  const standard = `source,${options.has('T', 'print-type') ? 'fstype,' : ''}${counted},target`;
  const fields = (options.value('output') || standard).split(',');
  const right = fields.flatMap((field, at) => (/^(source|fstype|target)$/.test(field) ? [] : [at]));
  const cells = (row: typeof heads): string[] => fields.map((field) => row[field] ?? '-');
  return done(rows.length === 0 ? '' : table([heads, ...rows].map(cells), right), named.err);
};

/** The interpreter's own has no -x, no -k and no idea of a depth for files. */
export const du: Program = ({ guest: { tree }, args, who, cwd }) => {
  const names = 'max-depth= one-file-system human-readable summarize all bytes total';
  const options = optionsOf(args, 'hkmxsabcd:', names);
  const limit = options.has('s', 'summarize')
    ? 0
    : Number(options.value('d', 'max-depth') ?? Number.POSITIVE_INFINITY);
  const unit = options.has('b', 'bytes') ? 1 : options.has('m') ? 1024 ** 2 : 1024;
  const size = (bytes: number): string =>
    options.has('h', 'human-readable') ? human(bytes) : String(Math.ceil(bytes / unit));
  let [out, closed] = ['', ''];
  const weigh = (node: Node, shown: string, depth: number, fs: FileSystem): number => {
    if (node.fs !== fs && options.has('x', 'one-file-system')) return 0;
    const isOpen = tree.allows(node, who, READ);
    if (node.kind === 'dir' && !isOpen) closed += `du: cannot read directory '${shown}': Permission denied\n`;
    let bytes = options.has('b', 'bytes') ? node.size : diskBytes(node);
    for (const [name, child] of isOpen ? node.entries : [])
      bytes += weigh(child, joined(shown, name), depth + 1, fs);
    const isShown = depth === 0 || node.kind === 'dir' || options.has('a', 'all');
    if (isShown && depth <= limit) out += `${size(bytes)}\t${shown}\n`;
    return bytes;
  };
  const refused = (name: string, reason: string) => `du: cannot access '${name}': ${reason}`;
  const { values, err } = forEach(options.operands.length > 0 ? options.operands : ['.'], refused, (name) => {
    const node = tree.lookup(normalize(cwd, name), who, false);
    return weigh(node, name, 0, node.fs);
  });
  if (options.has('c', 'total')) out += `${size(values.reduce((sum, bytes) => sum + bytes, 0))}\ttotal\n`;
  return done(out, closed + err);
};

export const truncate: Program = ({ guest: { tree }, args, who, cwd }) => {
  const options = optionsOf(args, 's:c', 'size= no-create');
  const size = sizeOf(options.value('s', 'size') ?? '');
  if (size === undefined) return done('', "truncate: you must specify either '--size' or '--reference'\n");
  if (options.operands.length === 0) return done('', 'truncate: missing file operand\n');
  const refused = (name: string, reason: string) => `truncate: cannot open '${name}' for writing: ${reason}`;
  const set = (name: string) => tree.resize(tree.open(normalize(cwd, name), who), size, who);
  return done('', forEach(options.operands, refused, set).err);
};

const CACHE = '/var/cache/apt';
const LOCK = `E: Could not open lock file ${CACHE}/archives/lock - open (13: Permission denied)\n`;
const NO_NETWORK = "E: Failed to fetch http://deb.debian.org: Temporary failure resolving 'deb.debian.org'\n";

export const aptGet: Program = ({ guest: { tree }, args, who }) => {
  if (who.uid !== 0 || !args.includes('clean')) return done('', who.uid === 0 ? NO_NETWORK : LOCK, 100);
  for (const dir of [CACHE, `${CACHE}/archives`])
    for (const [name, { kind }] of Array.from(tree.lookup(dir, ROOT).entries))
      if (kind === 'file') tree.remove(`${dir}/${name}`, ROOT);
  return done('');
};

/** No deleted file is held open in these drills. What is open is the log of a service that runs. */
export const lsof: Program = ({ guest: { units, processes, accounts }, args, who, cwd }) => {
  const { operands } = optionsOf(args, 'nPw');
  const wanted = operands.filter((arg) => !arg.startsWith('+')).map((arg) => normalize(cwd, arg));
  const isBelow = (path: string) =>
    operands.includes('+D') && wanted.some((dir) => path.startsWith(`${dir}/`));
  const rows = units.list().flatMap(({ pids: [pid = 0], seed: { writes } }) => {
    const row = processes.get(pid);
    const path = writes?.path ?? '';
    const isShown = wanted.length === 0 || wanted.includes(path) || isBelow(path);
    if (row === undefined || writes === undefined || !isShown || who.uid !== 0 || operands.includes('+L1'))
      return [];
    return [[row.comm.slice(0, 9), String(pid), accounts.byUid(row.uid).name, '4w', 'REG', '8,1', path]];
  });
  if (rows.length === 0) return done('', '', 1);
  return done(table([['COMMAND', 'PID', 'USER', 'FD', 'TYPE', 'DEVICE', 'NAME'], ...rows]));
};
