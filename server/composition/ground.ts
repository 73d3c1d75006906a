// What several parts of the console stand on.
import type { DataDir } from '../processes/data-dir.ts';

export interface Ground {
  readonly dataDir: DataDir;
  readonly ownerEnv: Readonly<Record<string, string>>;
}
