// promtool, as Debian's package prometheus brings it.
import { spawnSync } from 'node:child_process';

export interface Said {
  readonly code: number | null;
  readonly text: string;
}

export function promtool(args: readonly string[], stdin = ''): Said {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { input: stdin, encoding: 'utf8' });
  if (error !== undefined) throw new Error(`promtool cannot be run: ${error.message}`);
  return { code: status, text: `${stdout}${stderr}` };
}
