// The journal's files on the disk: what they take, and what a vacuum deletes.
import type { Call } from '../call.ts';
import { ROOT } from '../state/credentials.ts';
import { MACHINE_ID } from '../state/debian.ts';
import { decimalSize, parseSize } from './format.ts';
import { timeOf } from './journal-text.ts';
import type { Options } from './options.ts';

const DIRECTORY = `/var/log/journal/${MACHINE_ID}`;
export const diskUsage = (call: Call): number => {
  const directory = call.guest.tree.find(DIRECTORY, ROOT);
  return [...(directory?.entries.values() ?? [])].reduce(
    (sum, node) => sum + call.guest.tree.diskBytes(node),
    0,
  );
};

/** Deletes archived files, oldest first, until what is wanted is reached. The active file stays. */
export const vacuum = async (call: Call, options: Options): Promise<number> => {
  const { tree } = call.guest;
  const size = parseSize(options.value('vacuum-size') ?? '');
  const span = options.value('vacuum-time');
  const limitMs = span === undefined ? undefined : timeOf(call, `${span.replace(/^(\d+)$/, '$1s')} ago`);
  const files = Number(options.value('vacuum-files') ?? Number.NaN);
  const archived = [...(tree.find(DIRECTORY, ROOT)?.entries ?? [])]
    .filter(([name]) => name.includes('@'))
    .sort(([, a], [, b]) => a.mtimeMs - b.mtimeMs);
  let freed = 0;
  let left = archived.length;
  for (const [name, node] of archived) {
    const over =
      (size !== undefined && diskUsage(call) > size) ||
      (limitMs !== undefined && node.mtimeMs < limitMs) ||
      left > files;
    if (!over) break;
    try {
      tree.remove(`${DIRECTORY}/${name}`, call.who);
    } catch {
      await call.err(`Failed to delete archived journal ${DIRECTORY}/${name}: Permission denied\n`);
      return 1;
    }
    left -= 1;
    freed += tree.diskBytes(node);
    await call.err(`Deleted archived journal ${DIRECTORY}/${name} (${decimalSize(tree.diskBytes(node))}).\n`);
  }
  await call.err(
    `Vacuuming done, freed ${freed === 0 ? '0B' : decimalSize(freed)} of archived journals from ${DIRECTORY}.\n`,
  );
  return 0;
};
