// Programs that change what is in a directory, and a file's size: rm rmdir mkdir touch ln truncate.
import type { Call, Program } from '../call.ts';
import { reasonOf, SysError } from '../state/errors.ts';
import { nameOf, normalize } from '../state/inode.ts';
import { parseSize } from './format.ts';
import { type Options, parseOptions } from './options.ts';

/** Runs the work for each operand; a refusal is printed and the others still go. */
export const each = async (
  call: Call,
  operands: readonly string[],
  words: (name: string) => string,
  work: (path: string, name: string) => void | Promise<void>,
): Promise<number> => {
  let status = 0;
  for (const name of operands) {
    try {
      await work(normalize(call.cwd, name), name);
    } catch (error) {
      status = 1;
      await call.err(`${call.name}: ${words(name)}: ${reasonOf(error)}\n`);
    }
  }
  return status;
};

export const missing = async (call: Call): Promise<number> => {
  await call.err(`${call.name}: missing operand\nTry '${call.name} --help' for more information.\n`);
  return 1;
};

const refuse = async (call: Call, options: Options): Promise<number> => {
  await call.err(`${call.name}: ${options.unknown}\nTry '${call.name} --help' for more information.\n`);
  return 1;
};

const removeAll = async (call: Call, path: string, shown: string, verbose: boolean): Promise<number> => {
  const { tree } = call.guest;
  let status = 0;
  const node = tree.lookup(path, call.who, false);
  if (node.kind === 'dir') {
    if (node.entries.size > 0 && !tree.allows(node, call.who, 4)) {
      await call.err(`rm: cannot remove '${shown}': Permission denied\n`);
      return 1;
    }
    for (const name of Array.from(node.entries.keys()))
      status |= await removeAll(call, `${path}/${name}`, `${shown.replace(/\/$/, '')}/${name}`, verbose);
    if (status !== 0) return status;
  }
  try {
    tree.remove(path, call.who);
    if (verbose) await call.out(`removed ${node.kind === 'dir' ? 'directory ' : ''}'${shown}'\n`);
  } catch (error) {
    await call.err(`rm: cannot remove '${shown}': ${reasonOf(error)}\n`);
    return 1;
  }
  return status;
};

export const rm: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'rRfvdiI',
    long: ['recursive', 'force', 'verbose', 'dir', 'one-file-system', 'preserve-root', 'no-preserve-root'],
  });
  if (options.unknown !== undefined) return refuse(call, options);
  const force = options.has('f', 'force');
  if (options.operands.length === 0) return force ? 0 : missing(call);
  let status = 0;
  for (const name of options.operands) {
    const path = normalize(call.cwd, name);
    if (path === '/') {
      await call.err(
        "rm: it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe\n",
      );
      status = 1;
      continue;
    }
    try {
      const node = call.guest.tree.find(path, call.who, false);
      if (!node && force) continue;
      if (!node) throw new SysError('ENOENT');
      if (node.kind === 'dir' && !options.has('r', 'R', 'recursive', 'd', 'dir'))
        throw new SysError('EISDIR');
      if ((await removeAll(call, path, name, options.has('v', 'verbose'))) !== 0) status = 1;
    } catch (error) {
      status = 1;
      await call.err(`rm: cannot remove '${name}': ${reasonOf(error)}\n`);
    }
  }
  return status;
};

export const rmdir: Program = (call) => {
  const { operands } = parseOptions(call.args, {
    flags: 'pv',
    long: ['ignore-fail-on-non-empty', 'parents'],
  });
  return each(
    call,
    operands,
    (name) => `failed to remove '${name}'`,
    (path) => {
      if (call.guest.tree.lookup(path, call.who, false).kind !== 'dir') throw new SysError('ENOTDIR');
      call.guest.tree.remove(path, call.who);
    },
  );
};

export const mkdir: Program = (call) => {
  const options = parseOptions(call.args, {
    flags: 'pv',
    values: 'm',
    long: ['parents', 'verbose'],
    longValues: ['mode'],
  });
  if (options.operands.length === 0) return missing(call);
  const mode = options.value('m', 'mode');
  return each(
    call,
    options.operands,
    (name) => `cannot create directory '${name}'`,
    (path) => {
      const at = mode === undefined ? {} : { mode: Number.parseInt(mode, 8) };
      if (options.has('p', 'parents')) call.guest.tree.makeDirs(path, call.who, at);
      else call.guest.tree.makeDir(path, call.who, at);
    },
  );
};

export const touch: Program = (call) => {
  const options = parseOptions(call.args, {
    flags: 'acmh',
    values: 'tdr',
    long: ['no-create'],
    longValues: ['date', 'reference'],
  });
  if (options.operands.length === 0) return missing(call);
  const date = options.value('d', 'date');
  const mtimeMs = date === undefined ? call.guest.now() : Date.parse(`${date}Z`) || call.guest.now();
  return each(
    call,
    options.operands,
    (name) => `cannot touch '${name}'`,
    (path) => {
      const { tree } = call.guest;
      const found = tree.find(path, call.who);
      if (found) tree.need(found, call.who, 2);
      else if (options.has('c', 'no-create')) return;
      (found ?? tree.open(path, call.who, false)).mtimeMs = mtimeMs;
    },
  );
};

export const ln: Program = (call) => {
  const options = parseOptions(call.args, { flags: 'sfnvrT', long: ['symbolic', 'force'] });
  const [target = '', name = nameOf(target)] = options.operands;
  return each(
    call,
    [name],
    (shown) => `failed to create ${options.has('s', 'symbolic') ? 'symbolic' : 'hard'} link '${shown}'`,
    (given) => {
      const { tree } = call.guest;
      const path =
        tree.find(given, call.who)?.kind === 'dir' && !options.has('n', 'T')
          ? `${given}/${nameOf(target)}`
          : given;
      if (options.has('f', 'force') && tree.find(path, call.who, false)) tree.remove(path, call.who);
      if (options.has('s', 'symbolic')) tree.place(path, 'link', call.who, {}, { target });
      else tree.link(normalize(call.cwd, target), path, call.who);
    },
  );
};

export const truncate: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'co',
    values: 'sr',
    long: ['no-create'],
    longValues: ['size', 'reference'],
  });
  const text = options.value('s', 'size');
  const match = /^([-+<>]?)(.+)$/.exec(text ?? '');
  const amount = match?.[2] === undefined ? undefined : parseSize(match[2]);
  if (amount === undefined) {
    await call.err(
      text === undefined
        ? "truncate: you must specify either '--size' or '--reference'\n"
        : `truncate: Invalid number: '${text}'\n`,
    );
    return 1;
  }
  return each(
    call,
    options.operands,
    (name) => `cannot open '${name}' for writing`,
    (path) => {
      const { tree } = call.guest;
      if (options.has('c', 'no-create') && !tree.find(path, call.who)) return;
      const node = tree.open(path, call.who, false);
      const size =
        match?.[1] === '+'
          ? node.size + amount
          : match?.[1] === '-'
            ? Math.max(0, node.size - amount)
            : amount;
      // Growing makes a hole, which takes no block; a hole is not modelled, so it is refused where it would not fit.
      tree.resize(node, size, call.who);
    },
  );
};
