// The journal, or why there is none: then the console starts power only, and says so.
import type { Logger } from 'pino';
import type { Journal } from './port.ts';
import { openJournal } from './sqlite.ts';

/** `whyNot`: why nothing may be written there at all. */
export function tryJournal(
  dataDir: string,
  whyNot: string | undefined,
  logger: Logger,
): { readonly journal: Journal | undefined; readonly why: string | undefined } {
  if (whyNot !== undefined) return { journal: undefined, why: whyNot };
  try {
    const onFollowerFailure = (error: unknown): void =>
      logger.error({ err: error }, 'a follower of the journal failed');
    return { journal: openJournal(dataDir, { onFollowerFailure }), why: undefined };
  } catch (error) {
    logger.error({ err: error }, 'the journal cannot be opened: power only');
    return { journal: undefined, why: error instanceof Error ? error.message : String(error) };
  }
}
