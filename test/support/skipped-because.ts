// Why a whole group of tests is skipped stands in its name: `describe.skipIf(why)(`…${skippedBecause(why)}`)`. `npm test` prints
// the reasons at its end, and takes a skipped test without one for a failed one.

export const skippedBecause = (why: string | undefined): string =>
  why === undefined ? '' : ` [skipped: ${why.replaceAll(/\s+/g, ' ').trim()}]`;

export const SKIPPED_BECAUSE = /\[skipped: (.*?)\]/;
