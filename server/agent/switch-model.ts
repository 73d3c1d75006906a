// Switches the model of a live process for a prompt that names one. Claude Code asks the API about a name that it does not
// know, so this can fail, or hang, like any request.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaudeProcess } from './claude-process.ts';
import { explainTrouble, type ModelEndpoint, type ModelTrouble } from './trouble.ts';

/** One small request; below the patience of somebody who waits for a first word. */
const LIMIT_MS = 5_000;

/** Undefined: done. A process that did not answer in time is killed; the next prompt resumes it with the usual model. */
export async function switchModel(
  process: Pick<ClaudeProcess, 'setModel' | 'kill'>,
  model: string,
  endpoint: ModelEndpoint,
): Promise<ModelTrouble | undefined> {
  const limit = new AbortController();
  const failure = await Promise.race([
    process.setModel(model).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    ),
    sleep(LIMIT_MS, 'timeout', { signal: limit.signal }).catch(() => 'timeout'),
  ]);
  limit.abort();
  if (failure === undefined) return undefined;
  const status = /API error: (\d{3})/.exec(failure)?.[1];
  const trouble = explainTrouble(
    {
      kind: /not found/i.test(failure) ? 'model_not_found' : undefined,
      status: status === undefined ? undefined : Number(status),
      text: failure,
      model,
    },
    endpoint,
  );
  if (failure === 'timeout') await process.kill();
  return trouble;
}
