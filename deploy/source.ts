// What this checkout is: its version and its commit. The version stands in package.json and nowhere else.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';

export const root = path.resolve(import.meta.dirname, '..');

export interface Source {
  readonly version: string;
  /** The commit, with `-dirty` where the checkout has changes; `unknown` outside a checkout. */
  readonly revision: string;
  /** Seconds since the epoch, of that commit: the same sources make the same labels and times. */
  readonly seconds: number;
  /** Where this checkout was cloned from, without what could be a secret; empty where it was not. */
  readonly url: string;
}

export async function describeSource(): Promise<Source> {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const git = async (...args: readonly string[]): Promise<string | undefined> => {
    const { stdout, failed } = await execa('git', args, { cwd: root, reject: false });
    return failed ? undefined : stdout;
  };
  const commit = await git('rev-parse', 'HEAD');
  if (commit === undefined) return { version, revision: 'unknown', seconds: 0, url: '' };
  const changes = await git('status', '--porcelain');
  return {
    version,
    revision: changes === '' ? commit : `${commit}-dirty`,
    seconds: Number(await git('log', '-1', '--format=%ct')),
    url: publicUrl(await git('remote', 'get-url', 'origin')),
  };
}

/** Only an address that anybody may see: a name and a token in it, or a path of this machine, are nobody else's. */
function publicUrl(remote = ''): string {
  const url = URL.parse(remote);
  return url?.protocol === 'https:' ? `https://${url.host}${url.pathname}` : '';
}
