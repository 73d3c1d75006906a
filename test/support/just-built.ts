// The bundle, where `npm test` has just made it: it is the same program as the sources and starts in a third of their processor time.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { sourcesNewerThan } from '../../cli/stale-bundle.ts';

const root = path.resolve(import.meta.dirname, '../..');

export const BUNDLE_ENTRY = path.join(root, 'dist/breakglass.js');

/** Found out once: a bundle that is older than the sources would be tested in their place. */
export const isJustBuilt =
  process.env['BREAKGLASS_BUILT_PAGE'] !== undefined &&
  existsSync(BUNDLE_ENTRY) &&
  (await sourcesNewerThan(BUNDLE_ENTRY, root)) === null;
