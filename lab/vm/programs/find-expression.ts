// find's expressions: tests and actions, joined as on its command line.
import type { Call } from '../call.ts';
import { reasonOf } from '../state/errors.ts';
import { nameOf, normalize } from '../state/inode.ts';
import { LETTERS, printf, type Visit } from './find-print.ts';
import { listTime, modeText } from './format.ts';

type Test = (visit: Visit) => boolean | Promise<boolean>;

export class BadExpression extends Error {}

const globToRegExp = (glob: string, ignoreCase = false): RegExp =>
  new RegExp(
    `^${glob
      .replaceAll(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    ignoreCase ? 'is' : 's',
  );

/** `+5`, `-5`, `5`. */
const compare = (text: string): ((value: number) => boolean) => {
  const wanted = Number(text.replace(/^[-+]/, ''));
  if (text.startsWith('+')) return (value) => value > wanted;
  if (text.startsWith('-')) return (value) => value < wanted;
  return (value) => value === wanted;
};

export class Expression {
  readonly #call: Call;
  readonly #words: string[];
  oneFileSystem = false;
  maxDepth = Number.POSITIVE_INFINITY;
  minDepth = 0;
  depthFirst = false;
  #acts = false;
  pruned = false;
  readonly collected: { argv: string[]; paths: string[] }[] = [];
  readonly test: Test;

  constructor(call: Call, words: readonly string[]) {
    this.#call = call;
    this.#words = [...words];
    const all = this.#or();
    if (this.#words.length > 0)
      throw new BadExpression(`paths must precede expression: \`${this.#words[0]}'`);
    this.test = this.#acts ? all : async (visit) => ((await all(visit)) ? this.#print(visit, '\n') : false);
  }

  #take(of: string): string {
    const value = this.#words.shift();
    if (value === undefined) throw new BadExpression(`missing argument to \`${of}'`);
    return value;
  }

  #or(): Test {
    let left = this.#and();
    while (this.#words[0] === '-o' || this.#words[0] === '-or') {
      this.#words.shift();
      const [first, second] = [left, this.#and()];
      left = async (visit) => (await first(visit)) || second(visit);
    }
    return left;
  }

  #and(): Test {
    let left: Test = () => true;
    while (this.#words.length > 0 && !['-o', '-or', ')', '\\)'].includes(this.#words[0] ?? '')) {
      if (this.#words[0] === '-a' || this.#words[0] === '-and') this.#words.shift();
      const [first, second] = [left, this.#primary()];
      left = async (visit) => (await first(visit)) && second(visit);
    }
    return left;
  }

  async #print(visit: Visit, end: string): Promise<boolean> {
    await this.#call.out(visit.shown + end);
    return true;
  }

  #primary(): Test {
    const word = this.#words.shift() ?? '';
    const now = this.#call.guest.now();
    switch (word) {
      case '!':
      case '-not': {
        const inner = this.#primary();
        return async (visit) => !(await inner(visit));
      }
      case '(':
      case '\\(': {
        const inner = this.#or();
        this.#words.shift();
        return inner;
      }
      case '-xdev':
      case '-mount':
        this.oneFileSystem = true;
        return () => true;
      case '-depth':
        this.depthFirst = true;
        return () => true;
      case '-maxdepth':
        this.maxDepth = Number(this.#take(word));
        return () => true;
      case '-mindepth':
        this.minDepth = Number(this.#take(word));
        return () => true;
      case '-noleaf':
      case '-true':
        return () => true;
      case '-name':
      case '-iname': {
        const pattern = globToRegExp(this.#take(word), word === '-iname');
        return ({ path }) => pattern.test(nameOf(path));
      }
      case '-path':
      case '-wholename':
      case '-ipath': {
        const pattern = globToRegExp(this.#take(word), word === '-ipath');
        return ({ shown }) => pattern.test(shown);
      }
      case '-regex': {
        const pattern = new RegExp(`^${this.#take(word)}$`);
        return ({ shown }) => pattern.test(shown);
      }
      case '-type': {
        const kinds = this.#take(word).split(',');
        return ({ node }) => kinds.includes(LETTERS[node.kind]);
      }
      case '-empty':
        return ({ node }) =>
          node.kind === 'dir' ? node.entries.size === 0 : node.kind === 'file' && node.size === 0;
      case '-size': {
        const [, sign = '', amount = '0', unit = 'b'] =
          /^([-+]?)(\d+)([bckwMG]?)$/.exec(this.#take(word)) ?? [];
        const scale = { '': 512, b: 512, c: 1, w: 2, k: 1024, M: 1024 ** 2, G: 1024 ** 3 }[unit] ?? 512;
        const fits = compare(sign + amount);
        return ({ node }) => fits(Math.ceil(node.size / scale));
      }
      case '-mmin':
      case '-mtime':
      case '-cmin':
      case '-ctime':
      case '-amin':
      case '-atime': {
        const fits = compare(this.#take(word));
        const unit = word.endsWith('min') ? 60_000 : 86_400_000;
        return ({ node }) => fits(Math.floor((now - node.mtimeMs) / unit));
      }
      case '-newer': {
        const other = this.#call.guest.tree.lookup(
          normalize(this.#call.cwd, this.#take(word)),
          this.#call.who,
        );
        return ({ node }) => node.mtimeMs > other.mtimeMs;
      }
      case '-user': {
        const name = this.#take(word);
        return ({ node }) => this.#call.guest.userName(node.uid) === name || String(node.uid) === name;
      }
      case '-group': {
        const name = this.#take(word);
        return ({ node }) => this.#call.guest.groupName(node.gid) === name || String(node.gid) === name;
      }
      case '-perm': {
        const text = this.#take(word);
        const bits = Number.parseInt(text.replace(/^[-/]/, ''), 8);
        return ({ node }) =>
          text.startsWith('-')
            ? (node.mode & bits) === bits
            : text.startsWith('/')
              ? (node.mode & bits) !== 0
              : (node.mode & 0o7777) === bits;
      }
      case '-links': {
        const fits = compare(this.#take(word));
        return ({ node }) => fits(node.nlink);
      }
      case '-prune':
        return () => {
          this.pruned = true;
          return true;
        };
      default:
        return this.#action(word);
    }
  }

  #action(word: string): Test {
    this.#acts = true;
    const call = this.#call;
    switch (word) {
      case '-print':
        return (visit) => this.#print(visit, '\n');
      case '-print0':
        return (visit) => this.#print(visit, '\0');
      case '-quit':
        return () => true;
      case '-printf': {
        const format = this.#take(word);
        return async (visit) => {
          await call.out(printf(format, visit, call));
          return true;
        };
      }
      case '-ls':
        return async ({ node, shown }) => {
          await call.out(
            `${String(node.ino).padStart(9)} ${String(call.guest.tree.diskBytes(node) / 1024).padStart(6)} ${modeText(node)} ${String(node.nlink).padStart(3)} ${call.guest.userName(node.uid).padEnd(8)} ${call.guest.groupName(node.gid).padEnd(8)} ${String(node.size).padStart(8)} ${listTime(node.mtimeMs, call.guest.now())} ${shown}\n`,
          );
          return true;
        };
      case '-delete':
        this.depthFirst = true;
        return async ({ path, shown }) => {
          try {
            call.guest.tree.remove(path, call.who);
            return true;
          } catch (error) {
            await call.err(`find: cannot delete '${shown}': ${reasonOf(error)}\n`);
            return false;
          }
        };
      case '-exec':
      case '-execdir':
      case '-ok': {
        const argv: string[] = [];
        let end = this.#take(word);
        for (; end !== ';' && end !== '+'; end = this.#take(word)) argv.push(end);
        if (end === '+') {
          const batch = { argv: argv.filter((arg) => arg !== '{}'), paths: [] as string[] };
          this.collected.push(batch);
          return ({ shown }) => {
            batch.paths.push(shown);
            return true;
          };
        }
        return async ({ shown }) =>
          (await call.spawn(argv.map((arg) => arg.replaceAll('{}', shown)))).code === 0;
      }
      default:
        throw new BadExpression(
          word.startsWith('-') ? `unknown predicate \`${word}'` : `paths must precede expression: \`${word}'`,
        );
    }
  }
}
