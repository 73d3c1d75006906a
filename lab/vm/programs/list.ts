// ls and stat.
import type { Call, Program } from '../call.ts';
import { reasonOf, SysError } from '../state/errors.ts';
import { BLOCK, type Inode, normalize } from '../state/inode.ts';
import { syncProc } from '../state/proc.ts';
import { human, listTime, modeText, table } from './format.ts';
import { type Options, parseOptions } from './options.ts';

interface Named {
  readonly name: string;
  readonly node: Inode;
}

const LONG = ['all', 'almost-all', 'human-readable', 'recursive', 'reverse', 'full-time', 'si'];

const sorted = (entries: Named[], options: Options): Named[] => {
  const by = options.value('sort');
  if (options.has('S') || by === 'size') entries.sort((a, b) => b.node.size - a.node.size);
  else if (options.has('t') || by === 'time') entries.sort((a, b) => b.node.mtimeMs - a.node.mtimeMs);
  else if (!options.has('U'))
    entries.sort((a, b) => a.name.replace(/^\./, '').localeCompare(b.name.replace(/^\./, ''), 'en'));
  return options.has('r', 'reverse') ? entries.reverse() : entries;
};

const rows = (call: Call, entries: readonly Named[], options: Options): string => {
  const { guest } = call;
  const size = (bytes: number): string => (options.has('h', 'human-readable') ? human(bytes) : String(bytes));
  if (!options.has('l', 'n', 'o', 'g')) {
    return entries
      .map(
        ({ name, node }) =>
          `${options.has('i') ? `${node.ino} ` : ''}${options.has('s') ? `${size(guest.tree.diskBytes(node) / (options.has('h') ? 1 : 1024))} ` : ''}${name}${options.has('F', 'p') && node.kind === 'dir' ? '/' : ''}\n`,
      )
      .join('');
  }
  const time = (ms: number): string =>
    options.has('full-time')
      ? `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '000000')} +0000`
      : listTime(ms, guest.now());
  return table(
    entries.map(({ name, node }) => [
      ...(options.has('i') ? [String(node.ino)] : []),
      modeText(node),
      String(node.nlink),
      options.has('n') ? String(node.uid) : guest.userName(node.uid),
      options.has('n') ? String(node.gid) : guest.groupName(node.gid),
      size(node.size),
      time(node.mtimeMs),
      node.kind === 'link'
        ? `${name} -> ${node.target}`
        : `${name}${options.has('F', 'p') && node.kind === 'dir' ? '/' : ''}`,
    ]),
    options.has('i') ? [0, 2, 5] : [1, 4],
  );
};

export const ls: Program = async (call) => {
  const { guest, who, cwd } = call;
  const options = parseOptions(call.args, {
    flags: '*',
    values: 'I',
    long: LONG,
    longValues: ['sort', 'color', 'time-style', 'block-size'],
  });
  const targets = options.operands.length === 0 ? ['.'] : options.operands;
  syncProc(guest);
  let status = 0;
  const files: Named[] = [];
  const directories: Named[] = [];
  for (const name of targets) {
    try {
      const node = guest.tree.lookup(normalize(cwd, name), who, !options.has('l', 'd') || name.endsWith('/'));
      (node.kind === 'dir' && !options.has('d') ? directories : files).push({ name, node });
    } catch (error) {
      status = 2;
      await call.err(`ls: cannot access '${name}': ${reasonOf(error)}\n`);
    }
  }
  if (files.length > 0) await call.out(rows(call, sorted(files, options), options));
  const heads = targets.length > 1 || options.has('R', 'recursive');
  const queue = sorted(directories, options);
  for (let index = 0; index < queue.length; index += 1) {
    const directory = queue[index];
    if (!directory) break;
    const { name, node } = directory;
    try {
      guest.tree.need(node, who, 4);
    } catch (error) {
      status = 2;
      await call.err(`ls: cannot open directory '${name}': ${reasonOf(error)}\n`);
      continue;
    }
    const entries = [...node.entries]
      .map(([child, inode]) => ({ name: child, node: inode }))
      .filter((entry) => options.has('a', 'A', 'all', 'almost-all') || !entry.name.startsWith('.'));
    const listed = sorted(entries, options);
    if (options.has('a', 'all')) listed.unshift({ name: '.', node }, { name: '..', node });
    const kib = entries.reduce((sum, entry) => sum + guest.tree.diskBytes(entry.node), 0) / 1024;
    const total = options.has('l', 'n', 's', 'o', 'g')
      ? `total ${options.has('h', 'human-readable') ? human(kib * 1024) : kib}\n`
      : '';
    const gap = index > 0 || files.length > 0 ? '\n' : '';
    await call.out(`${gap}${heads ? `${name}:\n` : ''}${total}${rows(call, listed, options)}`);
    if (options.has('R', 'recursive')) {
      const inner = entries.filter((entry) => entry.node.kind === 'dir');
      queue.splice(
        index + 1,
        0,
        ...sorted(inner, options).map((entry) => ({
          name: `${name.replace(/\/$/, '')}/${entry.name}`,
          node: entry.node,
        })),
      );
    }
  }
  return status;
};

const KIND = {
  file: 'regular file',
  dir: 'directory',
  link: 'symbolic link',
  device: 'character special file',
} as const;

const full = (call: Call, name: string, node: Inode): string => {
  const stamp = `${new Date(node.mtimeMs).toISOString().replace('T', ' ').replace('Z', '000000')} +0000`;
  const owner = (id: number, text: string): string => `${String(id).padStart(5)}/${text.padStart(8)}`;
  const kind = node.kind === 'file' && node.size === 0 ? 'regular empty file' : KIND[node.kind];
  const mode = `(${(node.mode & 0o7777).toString(8).padStart(4, '0')}/${modeText(node)})`;
  return `  File: ${name}${node.kind === 'link' ? ` -> ${node.target}` : ''}
  Size: ${String(node.size).padEnd(10)}\tBlocks: ${String(call.guest.tree.diskBytes(node) / 512).padEnd(10)} IO Block: ${BLOCK}   ${kind}
Device: 8,${node.fs.dev}\tInode: ${String(node.ino).padEnd(11)} Links: ${node.nlink}
Access: ${mode}  Uid: (${owner(node.uid, call.guest.userName(node.uid))})   Gid: (${owner(node.gid, call.guest.groupName(node.gid))})
Access: ${stamp}
Modify: ${stamp}
Change: ${stamp}
 Birth: ${stamp}
`;
};

const formatted = (call: Call, name: string, node: Inode, format: string): string => {
  const values: Record<string, string> = {
    n: name,
    N: `'${name}'`,
    s: String(node.size),
    b: String(call.guest.tree.diskBytes(node) / 512),
    B: '512',
    a: (node.mode & 0o7777).toString(8),
    A: modeText(node),
    U: call.guest.userName(node.uid),
    G: call.guest.groupName(node.gid),
    u: String(node.uid),
    g: String(node.gid),
    Y: String(Math.floor(node.mtimeMs / 1000)),
    y: new Date(node.mtimeMs).toISOString().replace('T', ' ').replace('Z', '000000 +0000'),
    i: String(node.ino),
    h: String(node.nlink),
    F: KIND[node.kind],
    m: node.fs.mount,
    '%': '%',
  };
  return format
    .replaceAll(/%(.)/g, (all, letter: string) => values[letter] ?? all)
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t');
};

export const stat: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'Lft',
    values: 'c',
    long: ['dereference', 'file-system'],
    longValues: ['format', 'printf'],
  });
  syncProc(call.guest);
  let status = 0;
  for (const name of options.operands) {
    try {
      const node = call.guest.tree.lookup(
        normalize(call.cwd, name),
        call.who,
        options.has('L', 'dereference'),
      );
      const format = options.value('c', 'format');
      const printf = options.value('printf');
      if (format !== undefined) await call.out(`${formatted(call, name, node, format)}\n`);
      else
        await call.out(printf === undefined ? full(call, name, node) : formatted(call, name, node, printf));
    } catch (error) {
      status = 1;
      await call.err(`stat: cannot statx '${name}': ${reasonOf(error)}\n`);
    }
  }
  return status;
};

export const realpath: Program = async (call) => {
  const { operands } = parseOptions(call.args, {
    flags: 'emsqz',
    long: ['canonicalize-existing', 'canonicalize-missing'],
  });
  for (const name of operands) {
    const path = normalize(call.cwd, name);
    const real = call.guest.tree.realpath(path, call.who);
    if (!call.guest.tree.find(real, call.who) && call.args.includes('-e')) throw new SysError('ENOENT');
    await call.out(`${real}\n`);
  }
  return 0;
};
