// The verbs: the same press and the same confirmation as on the page. Before a verb that changes the VM the state and the finding are shown
// and a person types the target's name; where the verb contradicts what triage found, a second time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TargetState } from '../protocol/me.ts';
import type { Operation } from '../protocol/operations.ts';
import { isMutating, VERB_MEANING, type Verb } from '../protocol/verbs.ts';
import { visibleLine } from '../protocol/visible-text.ts';
import { ask, type ConsoleAddress, get } from './console-client.ts';
import { targetOr, targetPath } from './default-target.ts';
import { CliError, ConsoleRefusal, EXIT, NoAnswer } from './failure.ts';
import { howToWatch, tellOutcome, watchToEnd } from './operation.ts';
import { stateLines } from './status.ts';
import type { Room, Terminal } from './surroundings.ts';

export interface PressOptions {
  readonly target: string | undefined;
  /** Takes the place of the first confirmation. */
  readonly yes: boolean;
  /** Takes the place of the second one. */
  readonly despiteFinding: boolean;
  readonly json: boolean;
}

/** Resolves with the exit code: 0 only where the outcome was verified. */
export async function press(
  address: ConsoleAddress,
  verb: Verb,
  options: PressOptions,
  room: Room,
): Promise<number> {
  const { talk } = room;
  // It listens from here on, so that what was typed before a question answers none.
  const terminal = room.terminal?.();
  if (isMutating(verb) && terminal === undefined && !options.yes)
    throw new CliError(
      `Nobody is at a terminal to confirm ${verb}: add --yes. Nothing was done.`,
      EXIT.usage,
    );
  const target = await targetOr(address, options.target, isMutating(verb) && options.yes);
  if (isMutating(verb)) {
    const state = await get<TargetState>(address, targetPath(target));
    for (const line of stateLines(state, Date.now())) talk(line);
    if (!options.yes) await confirm(terminal, { verb, target });
  }
  const leaving = new AbortController();
  const undo = room.onInterrupt(() => leaving.abort());
  try {
    const { signal } = leaving;
    const { id } = await pressTwice(address, { verb, target, options, terminal, signal }, room);
    talk(`operation ${id}`);
    return tellOutcome(await watchToEnd(address, { id, signal }, talk), options.json, room);
  } finally {
    undo();
  }
}

async function confirm(
  terminal: Terminal | undefined,
  { verb, target }: { verb: Verb; target: string },
): Promise<void> {
  const answer = await terminal?.ask(`${VERB_MEANING[verb]}\nType ${target} (or y) to ${verb} it: `);
  if (answer === target || /^y(es)?$/i.test(answer ?? '')) return;
  throw new CliError('That was no yes. Nothing was done.');
}

interface Pressing {
  readonly verb: Verb;
  readonly target: string;
  readonly options: PressOptions;
  readonly terminal: Terminal | undefined;
  readonly signal: AbortSignal;
}

async function pressTwice(address: ConsoleAddress, pressing: Pressing, room: Room): Promise<Operation> {
  const { verb, target, options, terminal } = pressing;
  try {
    return await pressOnce(address, pressing, undefined, room);
  } catch (error) {
    if (!(error instanceof ConsoleRefusal)) throw error;
    const running = error.problem['operation_id'];
    if (error.code === 'verb-running' && typeof running === 'string')
      throw new CliError(`${error.message} Watch it: ${howToWatch(running)}`, EXIT.failed, { cause: error });
    const token = error.problem['confirm'];
    if (error.code !== 'contradicts-finding' || typeof token !== 'string') throw error;
    if (!options.despiteFinding) {
      if (terminal === undefined)
        throw new CliError(
          `${error.message} Nothing was done. To do it all the same: --despite-finding.`,
          EXIT.contradicts,
          { cause: error },
        );
      room.talk(visibleLine(error.message));
      const answer = await terminal.ask(`Type ${target} to ${verb} it all the same: `, pressing.signal);
      if (pressing.signal.aborted) throw new CliError('You left. Nothing was done.', EXIT.interrupted);
      if (answer !== target)
        throw new CliError(`That was not ${target}. Nothing was done.`, EXIT.contradicts);
    }
    return pressOnce(address, pressing, token, room);
  }
}

/** How long the same press is sent again while nobody knows whether the console has heard it. Later it would surprise somebody. */
const PRESS_AGAIN_MS = 30_000;
const BETWEEN_TRIES_MS = 1_000;
/** The gates ask the power host first. */
const GATES_MS = 60_000;

/** One press has one key: sent again after a lost answer it gives the operation that it started. */
async function pressOnce(
  address: ConsoleAddress,
  { verb, target, signal }: Pressing,
  confirm: string | undefined,
  { talk }: Room,
): Promise<Operation> {
  const key = crypto.randomUUID();
  const givenUpAt = performance.now() + PRESS_AGAIN_MS;
  for (;;) {
    try {
      const body = confirm === undefined ? {} : { confirm };
      const headers = { 'idempotency-key': key };
      const asking = { headers, limitMs: GATES_MS, signal };
      return await ask<Operation>(address, 'POST', `${targetPath(target)}/power/${verb}`, body, asking);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (signal.aborted || performance.now() > givenUpAt)
        throw new CliError(
          `${error.message} Nobody knows whether the console has heard it. Look: breakglass status ${target}`,
          signal.aborted ? EXIT.interrupted : EXIT.failed,
        );
      talk(`${error.message} Asking again what became of it.`);
    }
    await sleep(BETWEEN_TRIES_MS, undefined, { signal }).catch(() => undefined);
  }
}
