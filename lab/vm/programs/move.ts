// cp, mv, tee, dd: programs that carry content.
import type { Call, Program } from '../call.ts';
import { removeTree } from '../shell/file-ops.ts';
import { reasonOf, SysError, wordsOf } from '../state/errors.ts';
import { nameOf, normalize } from '../state/inode.ts';
import { parseSize } from './format.ts';
import { parseOptions } from './options.ts';

const FLAGS = {
  flags: 'abdfilnpPrRsTuvxLH',
  long: ['archive', 'recursive', 'force', 'verbose', 'preserve', 'no-clobber', 'no-target-directory'],
  values: 't',
  longValues: ['target-directory'],
};

const copyTree = (call: Call, from: string, to: string): void => {
  const { tree } = call.guest;
  const node = tree.lookup(from, call.who, false);
  if (node.kind === 'dir') {
    tree.need(node, call.who, 4);
    tree.makeDirs(to, call.who, { mode: node.mode });
    for (const name of Array.from(node.entries.keys())) copyTree(call, `${from}/${name}`, `${to}/${name}`);
  } else if (node.kind === 'link') tree.place(to, 'link', call.who, {}, { target: node.target });
  else tree.copy(from, to, call.who);
};

/** Both end in `… TARGET`, or `… DIRECTORY`. */
const carry = async (
  call: Call,
  work: (from: string, to: string, recursive: boolean) => void,
): Promise<number> => {
  const options = parseOptions(call.args, FLAGS);
  const into = options.value('t', 'target-directory');
  const sources = into === undefined ? options.operands.slice(0, -1) : options.operands;
  const target = into ?? options.operands.at(-1);
  if (target === undefined || sources.length === 0) {
    await call.err(
      `${call.name}: missing ${target === undefined ? '' : 'destination '}file operand${target === undefined ? '' : ` after '${target}'`}\nTry '${call.name} --help' for more information.\n`,
    );
    return 1;
  }
  const { tree } = call.guest;
  let status = 0;
  for (const name of sources) {
    const from = normalize(call.cwd, name);
    const place = normalize(call.cwd, target);
    let to = place;
    try {
      if (tree.find(place, call.who)?.kind === 'dir' && !options.has('T')) to = `${place}/${nameOf(from)}`;
      if (from === to) throw new SysError('EINVAL');
      work(from, to, options.has('r', 'R', 'a', 'recursive', 'archive'));
      if (options.has('v', 'verbose'))
        await call.out(`${call.name === 'mv' ? 'renamed ' : ''}'${name}' -> '${to}'\n`);
    } catch (error) {
      status = 1;
      const reason = reasonOf(error);
      const verb =
        reason === wordsOf('ENOSPC')
          ? `error writing '${to}'`
          : call.name === 'mv'
            ? `cannot move '${name}' to '${target}'`
            : `cannot stat '${name}'`;
      await call.err(`${call.name}: ${verb}: ${reason}\n`);
    }
  }
  return status;
};

export const cp: Program = (call) =>
  carry(call, (from, to, recursive) => {
    const node = call.guest.tree.lookup(from, call.who);
    if (node.kind === 'dir' && !recursive) throw new SysError('EISDIR');
    if (recursive) copyTree(call, from, to);
    else call.guest.tree.copy(from, to, call.who);
  });

export const mv: Program = (call) =>
  carry(call, (from, to) => {
    const { tree } = call.guest;
    try {
      tree.rename(from, to, call.who);
    } catch (error) {
      if (!(error instanceof SysError) || error.code !== 'EXDEV') throw error;
      copyTree(call, from, to);
      removeTree(call.guest, from, call.who);
    }
  });

export const tee: Program = async (call) => {
  const options = parseOptions(call.args, { flags: 'aip', long: ['append'] });
  const input = await call.stdio.stdin();
  let status = 0;
  for (const name of options.operands) {
    try {
      const node = call.guest.tree.open(normalize(call.cwd, name), call.who, !options.has('a', 'append'));
      call.guest.tree.append(node, input, call.who);
    } catch (error) {
      status = 1;
      await call.err(`tee: ${name}: ${reasonOf(error)}\n`);
    }
  }
  await call.out(input.toString('utf8'));
  return status;
};

/** Enough to make a file of a size, copy one, or probe a disk. */
export const dd: Program = async (call) => {
  const given = new Map(
    call.args.map((arg): [string, string] => [arg.split('=')[0] ?? '', arg.split('=').slice(1).join('=')]),
  );
  const { tree } = call.guest;
  const size = parseSize(given.get('bs') ?? '512') ?? 512;
  const source = given.get('if');
  const isZero = source === '/dev/zero' || source === '/dev/urandom';
  try {
    const bytes =
      source === undefined
        ? await call.stdio.stdin()
        : isZero
          ? Buffer.alloc(0)
          : tree.read(normalize(call.cwd, source), call.who);
    const count = Number(given.get('count') ?? Math.ceil(bytes.length / size));
    const total = isZero ? size * count : Math.min(bytes.length, size * count);
    const out = given.get('of');
    if (out === undefined) await call.stdio.write('stdout', Buffer.from(bytes.subarray(0, total)));
    else {
      const node = tree.open(normalize(call.cwd, out), call.who, true);
      if (isZero && node.kind === 'file') tree.resize(node, total, call.who);
      else tree.append(node, bytes.subarray(0, total), call.who);
    }
    await call.err(
      `${count}+0 records in\n${count}+0 records out\n${total} bytes copied, 0.0${String(total).length} s\n`,
    );
    return 0;
  } catch (error) {
    await call.err(`dd: error writing '${given.get('of') ?? 'standard output'}': ${reasonOf(error)}\n`);
    return 1;
  }
};

export const mktemp: Program = async (call) => {
  const options = parseOptions(call.args, { flags: 'dqtu', values: 'p', longValues: ['tmpdir', 'suffix'] });
  const name = (options.operands[0] ?? 'tmp.XXXXXXXXXX').replace(/X{3,}/, (letters) =>
    Math.random().toString(36).slice(2).padEnd(12, 'x').slice(0, letters.length),
  );
  const path = name.includes('/') ? normalize(call.cwd, name) : `${options.value('p') ?? '/tmp'}/${name}`;
  if (options.has('d')) call.guest.tree.makeDir(path, call.who, { mode: 0o700 });
  else call.guest.tree.open(path, call.who, false, { mode: 0o600 });
  await call.out(`${path}\n`);
  return 0;
};
