// find: walks and prints as it goes.
import type { Call, Program } from '../call.ts';
import { reasonOf } from '../state/errors.ts';
import { normalize } from '../state/inode.ts';
import { syncProc } from '../state/proc.ts';
import { BadExpression, Expression } from './find-expression.ts';
import type { Visit } from './find-print.ts';

const walk = async (call: Call, visit: Visit, expression: Expression, device: number): Promise<number> => {
  if (call.signal.aborted) return 1;
  const { node, path, shown, depth } = visit;
  let status = 0;
  expression.pruned = false;
  const test = async (): Promise<void> => {
    if (depth >= expression.minDepth) await expression.test(visit);
  };
  if (!expression.depthFirst) await test();
  const crosses = expression.oneFileSystem && node.fs.dev !== device;
  if (node.kind === 'dir' && !expression.pruned && depth < expression.maxDepth && !crosses) {
    if (!call.guest.tree.allows(node, call.who, 4)) {
      await call.err(`find: '${shown}': Permission denied\n`);
      status = 1;
    } else {
      const reachable = call.guest.tree.allows(node, call.who, 1);
      for (const [name, child] of Array.from(node.entries)) {
        if (!reachable) continue;
        const next = {
          path: path === '/' ? `/${name}` : `${path}/${name}`,
          shown: `${shown.replace(/\/$/, '')}/${name}`,
          node: child,
          depth: depth + 1,
        };
        status |= await walk(call, next, expression, device);
      }
    }
  }
  if (expression.depthFirst) await test();
  return status;
};

export const find: Program = async (call) => {
  const start = call.args.findIndex((arg) => /^[-(!]/.test(arg) && !['-H', '-L', '-P'].includes(arg));
  const paths = (start < 0 ? call.args : call.args.slice(0, start)).filter(
    (arg) => !['-H', '-L', '-P'].includes(arg),
  );
  syncProc(call.guest);
  let status = 0;
  try {
    const expression = new Expression(call, start < 0 ? [] : call.args.slice(start));
    for (const shown of paths.length === 0 ? ['.'] : paths) {
      try {
        const path = normalize(call.cwd, shown);
        const node = call.guest.tree.lookup(path, call.who, shown.endsWith('/'));
        status |= await walk(call, { path, shown, node, depth: 0 }, expression, node.fs.dev);
      } catch (error) {
        status = 1;
        await call.err(`find: '${shown}': ${reasonOf(error)}\n`);
      }
    }
    for (const { argv, paths: found } of expression.collected)
      if (found.length > 0) await call.spawn([...argv, ...found]);
  } catch (error) {
    if (!(error instanceof BadExpression)) throw error;
    await call.err(`find: ${error.message}\n`);
    return 1;
  }
  return status;
};
