// What a backup says of itself: every file with its size and digest, so that a restore can tell a whole backup from a part of one.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

export const MANIFEST = 'backup.json';

const Manifest = z.object({
  format: z.literal(1),
  at: z.string(),
  files: z.array(z.object({ path: z.string(), bytes: z.number(), sha256: z.string() })),
});
export type Manifest = z.output<typeof Manifest>;

/** Undefined when there is none, or none that is understood. */
export function readManifest(dir: string): Manifest | undefined {
  try {
    const parsed = Manifest.safeParse(JSON.parse(readFileSync(path.join(dir, MANIFEST), 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
