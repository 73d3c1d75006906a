// ls and stat: the interpreter's own know no owners and no modes.
import { diskBytes, joined, type Node, normalize, READ } from '../guest/tree.ts';
import { type Call, done, forEach, type Options, optionsOf, type Program } from './program.ts';
import { human, isoTime, listTime, table } from './text.ts';

interface Named {
  readonly name: string;
  readonly node: Node;
}

const modeText = ({ kind, mode }: Node): string => {
  const bits = 'rwxrwxrwx'.split('').map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : '-'));
  if (mode & 0o4000) bits[2] = 's';
  if (mode & 0o1000) bits[8] = 't';
  return { file: '-', dir: 'd', link: 'l', device: 'c' }[kind] + bits.join('');
};

const sorted = (entries: readonly Named[], options: Options): Named[] => {
  const list = entries.toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  if (options.has('S')) list.sort((a, b) => b.node.size - a.node.size);
  if (options.has('t')) list.sort((a, b) => b.node.mtimeMs - a.node.mtimeMs);
  return options.has('r') ? list.reverse() : list;
};

const rowsOf = ({ guest: { accounts, now } }: Call, entries: readonly Named[], options: Options): string => {
  if (!options.has('l')) return entries.map(({ name }) => `${name}\n`).join('');
  const rows = entries.map(({ name, node }) => [
    modeText(node),
    node.kind === 'dir' ? '2' : '1',
    accounts.byUid(node.uid).name,
    accounts.groupName(node.gid),
    options.has('h', 'human-readable') ? human(node.size) : String(node.size),
    listTime(node.mtimeMs, now()),
    node.kind === 'link' ? `${name} -> ${node.target}` : name,
  ]);
  return table(rows, [1, 4]);
};

export const ls: Program = (call) => {
  const { guest, who, cwd } = call;
  const options = optionsOf(call.args, 'aAldhSrtR1', 'all almost-all directory human-readable color?');
  const named = options.operands.length === 0 ? ['.'] : options.operands;
  const refused = (name: string, reason: string) => `ls: cannot access '${name}': ${reason}`;
  const found = forEach(named, refused, (name): Named => {
    return { name, node: guest.tree.lookup(normalize(cwd, name), who, !options.has('d', 'l')) };
  });
  const isListed = ({ node }: Named): boolean => node.kind === 'dir' && !options.has('d', 'directory');
  const files = found.values.filter((each) => !isListed(each));
  let out = rowsOf(call, sorted(files, options), options);
  let { err } = found;
  const dirs = sorted(found.values.filter(isListed), options);
  for (let dir = dirs.shift(); dir !== undefined; dir = dirs.shift()) {
    const { name, node } = dir;
    if (!guest.tree.allows(node, who, READ)) {
      err += `ls: cannot open directory '${name}': Permission denied\n`;
      continue;
    }
    const all = [...node.entries].map(([child, inner]): Named => ({ name: child, node: inner }));
    const entries = all.filter(
      (entry) => options.has('a', 'A', 'all', 'almost-all') || !entry.name.startsWith('.'),
    );
    const dots = options.has('a', 'all') ? ['.', '..'].map((dot): Named => ({ name: dot, node })) : [];
    const bytes = entries.reduce((sum, entry) => sum + diskBytes(entry.node), 0);
    if (named.length > 1 || options.has('R')) out += `${out === '' ? '' : '\n'}${name}:\n`;
    if (options.has('l'))
      out += `total ${options.has('h', 'human-readable') ? human(bytes) : bytes / 1024}\n`;
    out += rowsOf(call, [...dots, ...sorted(entries, options)], options);
    if (!options.has('R')) continue;
    const below = sorted(entries, options).filter(isListed);
    dirs.unshift(...below.map((each): Named => ({ name: joined(name, each.name), node: each.node })));
  }
  return done(out, err, err === '' ? 0 : 2);
};

const KIND = {
  file: 'regular file',
  dir: 'directory',
  link: 'symbolic link',
  device: 'character special file',
};
const STAT = `  File: %n
  Size: %s\tBlocks: %b\tIO Block: 4096   %F
Access: (0%a/%A)  Uid: (%u/%U)   Gid: (%g/%G)
Access: %y
Modify: %y
Change: %y
`;

export const stat: Program = ({ guest: { tree, accounts }, args, who, cwd }) => {
  const options = optionsOf(args, 'c:L', 'format= dereference');
  const line = options.value('c', 'format');
  if (options.operands.length === 0) return done('', 'stat: missing operand\n');
  const refused = (name: string, reason: string) => `stat: cannot statx '${name}': ${reason}`;
  const { values, err } = forEach(options.operands, refused, (name) => {
    const node = tree.lookup(normalize(cwd, name), who, options.has('L'));
    const fields: Readonly<Record<string, string | number>> = {
      n: name,
      s: node.size,
      b: diskBytes(node) / 512,
      F: KIND[node.kind],
      a: node.mode.toString(8),
      A: modeText(node),
      u: node.uid,
      g: node.gid,
      U: accounts.byUid(node.uid).name,
      G: accounts.groupName(node.gid),
      Y: Math.floor(node.mtimeMs / 1000),
      y: `${isoTime(node.mtimeMs)}.000000000 +0000`,
    };
    const format = line === undefined ? STAT : `${line}\n`;
    return format.replaceAll(/%([A-Za-z])/g, (all, letter: string) => String(fields[letter] ?? all));
  });
  return done(values.join(''), err);
};
