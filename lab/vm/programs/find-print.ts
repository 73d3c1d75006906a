// find's -printf and -ls.
import type { Call } from '../call.ts';
import { type Inode, nameOf } from '../state/inode.ts';
import { modeText } from './format.ts';

export interface Visit {
  readonly path: string;
  readonly shown: string;
  readonly node: Inode;
  readonly depth: number;
}

export const LETTERS = { file: 'f', dir: 'd', link: 'l', device: 'c' } as const;

export const printf = (format: string, visit: Visit, call: Call): string => {
  const { node } = visit;
  const values: Record<string, string> = {
    p: visit.shown,
    f: nameOf(visit.path) || '/',
    s: String(node.size),
    k: String(call.guest.tree.diskBytes(node) / 1024),
    b: String(call.guest.tree.diskBytes(node) / 512),
    u: call.guest.userName(node.uid),
    g: call.guest.groupName(node.gid),
    m: (node.mode & 0o7777).toString(8),
    M: modeText(node),
    d: String(visit.depth),
    y: LETTERS[node.kind],
    l: node.target,
    i: String(node.ino),
    h: visit.shown.slice(0, visit.shown.lastIndexOf('/')) || '/',
    '%': '%',
    t: new Date(node.mtimeMs).toUTCString(),
    P: visit.shown,
    n: String(node.nlink),
  };
  return format
    .replaceAll(/%(-?\d*)T(.)/g, (_all, _width, letter: string) => {
      const iso = new Date(node.mtimeMs).toISOString();
      return (
        {
          '@': `${(node.mtimeMs / 1000).toFixed(10)}`,
          '+': iso.replace('T', '+').slice(0, 19),
          Y: iso.slice(0, 4),
          m: iso.slice(5, 7),
          d: iso.slice(8, 10),
          H: iso.slice(11, 13),
          M: iso.slice(14, 16),
          T: iso.slice(11, 19),
          F: iso.slice(0, 10),
        }[letter] ?? iso
      );
    })
    .replaceAll(/%(-?\d*)([a-zA-Z%])/g, (all, width: string, letter: string) => {
      const value = values[letter] ?? all;
      return width.startsWith('-')
        ? value.padEnd(Number(width.slice(1)))
        : value.padStart(Number(width || 0));
    })
    .replaceAll('\\n', '\n')
    .replaceAll('\\t', '\t')
    .replaceAll('\\0', '\0');
};
