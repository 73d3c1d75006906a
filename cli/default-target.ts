import type { TargetsAnswer } from '../protocol/me.ts';
import { type ConsoleAddress, get } from './console-client.ts';
import { CliError, EXIT } from './failure.ts';

/** The one that was named, or the default one of the console; where nobody sees which one that is, only if it is the only one. */
export async function targetOr(
  address: ConsoleAddress,
  named: string | undefined,
  unseen = false,
): Promise<string> {
  if (named === '') throw new CliError('Expected the name of a target. Nothing was done.', EXIT.usage);
  if (named !== undefined) return named;
  const { default: usual, targets } = await get<TargetsAnswer>(address, '/api/targets');
  if (unseen && targets.length > 1)
    throw new CliError(
      `There are ${targets.length} targets: name the one that is meant (${targets.map(({ name }) => name).join(', ')}). Nothing was done.`,
      EXIT.usage,
    );
  return usual;
}

export const targetPath = (name: string): string => `/api/targets/${encodeURIComponent(name)}`;
