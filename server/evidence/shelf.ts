// The directory of kept bundles: <id>.tar.gz as it came, <id>.json, <id>.png and <id>.summary (for the list)
// beside it, oldest thrown away first. Written
// under another name first, so that what is there is whole. Mode 0600: evidence holds what a VM's console shows.
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type EvidenceId, parseEvidenceId } from '../../protocol/ids.ts';

export interface ShelfBounds {
  readonly bundles: number;
  readonly bytes: number;
}

export interface Shelf {
  put(id: EvidenceId, files: Readonly<Record<Suffix, Uint8Array | string | undefined>>): Promise<void>;
  get(id: EvidenceId, suffix: Suffix): Promise<Buffer | undefined>;
  remove(id: EvidenceId): Promise<void>;
  /** Newest first. */
  ids(): Promise<readonly EvidenceId[]>;
}

export type Suffix = '.tar.gz' | '.json' | '.png' | '.summary';
const SUFFIXES: readonly Suffix[] = ['.tar.gz', '.png', '.json', '.summary'];

export function createShelf(dir: string, bounds: ShelfBounds): Shelf {
  const at = (id: EvidenceId, suffix: Suffix): string => path.join(dir, id + suffix);

  /** By the time of its newest file. */
  async function kept(): Promise<{ id: EvidenceId; at: number; bytes: number }[]> {
    const names = await readdir(dir).catch(() => []);
    const found = new Map<EvidenceId, { id: EvidenceId; at: number; bytes: number }>();
    for (const name of names) {
      const suffix = SUFFIXES.find((each) => name.endsWith(each));
      const id = suffix === undefined ? undefined : parseEvidenceId(name.slice(0, -suffix.length));
      const info = id === undefined ? undefined : await stat(path.join(dir, name)).catch(() => undefined);
      if (id === undefined || info === undefined) continue;
      const before = found.get(id) ?? { id, at: 0, bytes: 0 };
      found.set(id, { id, at: Math.max(before.at, info.mtimeMs), bytes: before.bytes + info.size });
    }
    return [...found.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
  }

  async function prune(): Promise<void> {
    let [count, bytes] = [0, 0];
    for (const bundle of await kept()) {
      count += 1;
      bytes += bundle.bytes;
      if (count === 1 || (count <= bounds.bundles && bytes <= bounds.bytes)) continue;
      await remove(bundle.id);
    }
  }

  async function remove(id: EvidenceId): Promise<void> {
    for (const suffix of SUFFIXES) await rm(at(id, suffix), { force: true });
  }

  return {
    async put(id, files) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      for (const suffix of SUFFIXES) {
        const content = files[suffix];
        if (content === undefined) continue;
        const draft = path.join(dir, `.${crypto.randomUUID()}`);
        try {
          await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
          await rename(draft, at(id, suffix));
        } catch (error) {
          await rm(draft, { force: true });
          throw error;
        }
      }
      await prune();
    },
    async get(id, suffix) {
      return readFile(at(id, suffix)).catch(() => undefined);
    },
    remove,
    async ids() {
      return (await kept()).map(({ id }) => id);
    },
  };
}
