// Programs that wait: sleep, and tail where it follows.
import type { Call, Program } from '../call.ts';
import { pause } from '../call.ts';
import { reasonOf } from '../state/errors.ts';
import { normalize } from '../state/inode.ts';
import { parseOptions } from './options.ts';
import { durationMs } from './wrappers.ts';

/** How often a followed file is looked at. */
const FOLLOW_MS = 200;

export const sleep: Program = async (call) => {
  let total = 0;
  for (const text of call.args) {
    const ms = durationMs(text);
    if (ms === undefined) {
      await call.err(`sleep: invalid time interval '${text}'\nTry 'sleep --help' for more information.\n`);
      return 1;
    }
    total += ms;
  }
  if (call.args.length === 0) {
    await call.err("sleep: missing operand\nTry 'sleep --help' for more information.\n");
    return 1;
  }
  await pause(total, call.signal);
  return 0;
};

const content = (call: Call, path: string): Buffer => Buffer.from(call.guest.tree.read(path, call.who));

export const tailFollow: Program = async (call) => {
  const options = parseOptions(call.args, {
    flags: 'fFqv',
    values: 'ncs',
    long: ['follow', 'retry'],
    longValues: ['lines', 'bytes', 'follow', 'pid'],
  });
  const lines = Number((options.value('n', 'lines') ?? '10').replace(/^[-+]/, ''));
  const files = options.operands.map((name) => ({ name, path: normalize(call.cwd, name), size: 0 }));
  for (const file of files) {
    try {
      const text = content(call, file.path).toString('utf8');
      file.size = call.guest.tree.lookup(file.path, call.who).size;
      const head = files.length > 1 ? `==> ${file.name} <==\n` : '';
      await call.out(
        head +
          text
            .split(/(?<=\n)/)
            .slice(-lines || undefined)
            .join(''),
      );
    } catch (error) {
      await call.err(`tail: cannot open '${file.name}' for reading: ${reasonOf(error)}\n`);
      if (!options.has('F', 'retry')) return 1;
    }
  }
  while (!call.signal.aborted) {
    await pause(FOLLOW_MS, call.signal);
    for (const file of files) {
      const node = call.guest.tree.find(file.path, call.who);
      if (!node) continue;
      if (node.size < file.size) {
        await call.err(`tail: ${file.name}: file truncated\n`);
        file.size = 0;
      }
      const more = Math.min(node.size - file.size, node.data.length);
      if (more > 0) await call.out(Buffer.from(node.data.subarray(node.data.length - more)).toString('utf8'));
      file.size = node.size;
    }
  }
  return 130;
};
