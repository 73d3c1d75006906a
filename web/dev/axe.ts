// What axe finds wrong with a page.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** What can be well in one colour scheme and not in the other. */
const COLOURS = ['color-contrast', 'link-in-text-block'];

/** Each violation with its first element. `only: 'colours'` where all else was looked at before, in the other colour scheme. */
export const violations = async (page: Page, { only }: { only?: 'colours' } = {}): Promise<string[]> => {
  const devtools = await page.context().newCDPSession(page);
  // Through the debugger: the page's policy allows no script of ours.
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = await devtools.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`axe did not run: ${exceptionDetails.text}`);
    return result.value;
  };
  if ((await evaluate('typeof axe')) !== 'object')
    await evaluate(`${await readFile(AXE, 'utf8')}; undefined`);
  // What is well is not written up, and nothing is loaded again to be looked at.
  const options = {
    resultTypes: ['violations'],
    preload: false,
    ...(only === undefined ? {} : { runOnly: { type: 'rule', values: COLOURS } }),
  };
  const found = await evaluate(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes[0].html))`,
  );
  await devtools.detach();
  return found as string[];
};
