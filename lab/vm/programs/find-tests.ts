// find's tests that the interpreter lacks, of owners and of times: each becomes the list of paths that pass it.
import { ROOT } from '../guest/accounts.ts';
import type { Guest } from '../guest/guest.ts';
import { joined, type Node, normalize } from '../guest/tree.ts';
import type { Call } from './program.ts';

type Test = (node: Node) => boolean;

/** `-60`, `+60` or `60`: less, more or just so many. */
const compares = (wanted: string, value: number): boolean => {
  const limit = Number(wanted.replace('+', ''));
  return wanted.startsWith('-') ? value < -limit : wanted.startsWith('+') ? value > limit : value === limit;
};

const TESTS: Readonly<Record<string, (guest: Guest, value: string) => Test>> = {
  '-user':
    ({ accounts }, name) =>
    (node) =>
      accounts.byUid(node.uid).name === name,
  '-group':
    ({ accounts }, name) =>
    (node) =>
      accounts.groupName(node.gid) === name,
  '-mmin':
    ({ now }, minutes) =>
    (node) =>
      compares(minutes, Math.floor((now() - node.mtimeMs) / 60_000)),
  '-newermt': (_guest, time) => (node) =>
    node.mtimeMs > Date.parse(`${time.replace(/^[\d-]+$/, '$& 00:00')} UTC`),
};

export const plainTests = ({ guest, args, cwd }: Call): string[] => {
  const first = args.findIndex((arg) => /^[-(!]/.test(arg));
  const roots = first === 0 ? ['.'] : args.slice(0, first < 0 ? undefined : first);
  const passing = (path: string, node: Node, test: Test): string[] => {
    const below = [...node.entries].flatMap(([name, child]) => passing(joined(path, name), child, test));
    return test(node) ? [path, ...below] : below;
  };
  return args.flatMap((arg, at) => {
    if (TESTS[args[at - 1] ?? ''] !== undefined) return [];
    if (arg === '-ls') return ['-exec', 'ls', '-ld', '{}', ';'];
    const test = TESTS[arg]?.(guest, args[at + 1] ?? '');
    if (test === undefined) return [arg];
    const paths = roots.flatMap((root) => {
      const node = guest.tree.find(normalize(cwd, root), ROOT);
      return node === undefined ? [] : passing(root, node, test);
    });
    const tests = paths.flatMap((path) => ['-o', '-path', path.replaceAll(/[*?[\]\\]/g, '\\$&')]);
    return ['(', '!', '-name', '*', ...tests, ')'];
  });
};
