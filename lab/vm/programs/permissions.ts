// chmod, chown, chgrp.
import type { Call, Program } from '../call.ts';
import { SysError } from '../state/errors.ts';
import type { Inode } from '../state/inode.ts';
import { each, missing } from './change.ts';
import { parseOptions } from './options.ts';

/** Octal, or clauses like `u+x,go-w`. Undefined when it is neither. */
const newMode = (text: string, node: Inode): number | undefined => {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  let mode = node.mode;
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)([-+=])([rwxXst]*)$/.exec(clause);
    if (!match) return undefined;
    const [, targets = '', operator, letters = ''] = match;
    for (const target of targets === '' || targets.includes('a') ? 'ugo' : targets) {
      const shift = { u: 6, g: 3, o: 0 }[target] ?? 0;
      const bits =
        letters
          .split('')
          .reduce(
            (sum, letter) => sum | ({ r: 4, w: 2, x: 1, X: node.kind === 'dir' ? 1 : 0 }[letter] ?? 0),
            0,
          ) << shift;
      if (operator === '+') mode |= bits;
      else if (operator === '-') mode &= ~bits;
      else mode = (mode & ~(7 << shift)) | bits;
    }
  }
  return mode;
};

const below = (call: Call, path: string, recursive: boolean): string[] => {
  const node = call.guest.tree.lookup(path, call.who, false);
  const inner =
    recursive && node.kind === 'dir'
      ? [...node.entries.keys()].flatMap((name) => below(call, `${path}/${name}`, true))
      : [];
  return [path, ...inner];
};

export const chmod: Program = async (call) => {
  const recursive = call.args.includes('-R') || call.args.includes('--recursive');
  const [mode = '', ...operands] = call.args.filter(
    (arg) => !['-R', '-v', '-c', '-f', '--recursive'].includes(arg),
  );
  if (operands.length === 0) return missing(call);
  return each(
    call,
    operands,
    (name) => `changing permissions of '${name}'`,
    (path) => {
      for (const one of below(call, path, recursive)) {
        const bits = newMode(mode, call.guest.tree.lookup(one, call.who));
        if (bits === undefined) throw new SysError('EINVAL');
        call.guest.tree.change(one, call.who, { mode: bits });
      }
    },
  );
};

const idOf = (rows: readonly { name: string; id: number }[], text: string): number | undefined =>
  /^\d+$/.test(text) ? Number(text) : rows.find((row) => row.name === text)?.id;

export const chown: Program = async (call) => {
  const { guest } = call;
  const options = parseOptions(call.args, {
    flags: 'RvchHLP',
    long: ['recursive'],
    longValues: ['reference'],
  });
  const [owner = '', ...operands] = options.operands;
  const [user = '', group] = call.name === 'chgrp' ? ['', owner] : owner.split(/[:.]/);
  const uid =
    user === ''
      ? undefined
      : idOf(
          guest.users.map(({ name, uid: id }) => ({ name, id })),
          user,
        );
  const gid =
    group === undefined || group === ''
      ? undefined
      : idOf(
          guest.groups.map(({ name, gid: id }) => ({ name, id })),
          group,
        );
  if ((user !== '' && uid === undefined) || (group !== undefined && group !== '' && gid === undefined)) {
    await call.err(
      `${call.name}: invalid ${user !== '' && uid === undefined ? 'user' : 'group'}: '${owner}'\n`,
    );
    return 1;
  }
  const at = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  return each(
    call,
    operands,
    (name) => `changing ${call.name === 'chgrp' ? 'group' : 'ownership'} of '${name}'`,
    (path) => {
      for (const one of below(call, path, options.has('R', 'recursive')))
        guest.tree.change(one, call.who, at, !options.has('h'));
    },
  );
};
