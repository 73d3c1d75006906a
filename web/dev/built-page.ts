// The page as it is shipped, and a browser for it.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';

/** Of every single wait: enough for a machine that has eight other things to do. */
export const PATIENCE_MS = 120_000;

const web = join(import.meta.dirname, '..');

/** `npm test` builds the page once, for all. Else it is built into a directory of its own, so that no other build is in the way. */
export const buildPage = async (): Promise<AsyncDisposable & { readonly dist: string }> => {
  const ofAll = process.env['BREAKGLASS_BUILT_PAGE'];
  if (ofAll !== undefined) return { dist: ofAll, [Symbol.asyncDispose]: async () => undefined };
  const dist = await mkdtemp(join(tmpdir(), 'breakglass-page-'));
  const vite = join(web, '..', 'node_modules', 'vite', 'bin', 'vite.js');
  const args = [vite, 'build', web, '--outDir', dist, '--emptyOutDir', '--logLevel', 'error'];
  // As a command of its own: under the test runner's NODE_ENV it would be a development build.
  await promisify(execFile)(process.execPath, args, { env: { ...process.env, NODE_ENV: 'production' } });
  return { dist, [Symbol.asyncDispose]: () => rm(dist, { recursive: true, force: true }) };
};

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
