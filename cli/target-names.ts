// The names of the targets for the completion of a shell. Nothing is said where the console is not there, refuses or takes long: whoever
// pressed Tab wants no sentence.
import { parseTargetName } from '../protocol/ids.ts';
import type { Me } from '../protocol/me.ts';
import { type ConsoleAddress, get } from './console-client.ts';
import { CliError } from './failure.ts';
import type { Print } from './surroundings.ts';

/** What a person waits for at a Tab. The names come with `me`, for which the console asks no host. */
const LIMIT_MS = 1_000;

export async function targetNames(
  address: () => ConsoleAddress,
  print: Print,
  limitMs: number = LIMIT_MS,
): Promise<void> {
  try {
    const { targets } = await get<Pick<Me, 'targets'>>(address(), '/api/me', {
      signal: AbortSignal.timeout(limitMs),
    });
    // A shell reads this: bash would run what stands in $(…).
    for (const { name } of targets) if (parseTargetName(name) !== undefined) print(name);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
  }
}
