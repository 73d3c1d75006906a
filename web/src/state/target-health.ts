// How a target is: one word for the order of the list, a few words for a person. Pure.
// Only fresh readings count, and what is not known is never called well.
import type { TargetState } from '../../../protocol/me.ts';
import { STATE_TONES } from '../../../protocol/state-words.ts';
import { isOver } from './operation-view.ts';
import { isFresh } from './power-words.ts';
import { roughAge } from './words.ts';

/** From worst to best. `broken`: triage found it, and it still holds. `asking`: nothing was read yet. */
const LEVELS = ['broken', 'silent', 'stopped', 'unknown', 'asking', 'well'] as const;
export type Level = (typeof LEVELS)[number];

export interface Health {
  readonly level: Level;
  readonly words: string;
  /** Why the state is not known, in a sentence of the console; else empty. */
  readonly detail: string;
}

const withVerb = (state: TargetState, words: string): string =>
  state.operation && !isOver(state.operation) ? `${state.operation.verb} runs, ${words}` : words;

/** The list of targets has a finding in short; a target by itself has it whole. */
const foundOf = ({
  found,
  finding,
}: TargetState): Omit<NonNullable<TargetState['found']>, 'at'> | undefined =>
  finding === undefined
    ? found
    : { ...finding.report.finding, ...(finding.past === undefined ? {} : { past: finding.past }) };

/** `nowMs`: the time by the server's clock, which dated the readings. */
export const healthOf = (state: TargetState | undefined, nowMs: number): Health => {
  if (state === undefined) return { level: 'asking', words: 'asking', detail: '' };
  const { vm, ssh, qmp, guest_agent: agent } = state;
  const detail = vm.detail ?? '';
  const say = (level: Level, words: string): Health => ({
    level,
    words: withVerb(state, words),
    detail: level === 'unknown' ? detail : '',
  });

  if (vm.at === null) return detail === '' ? say('asking', 'asking') : say('unknown', 'not known');
  if (!isFresh(vm.at, nowMs))
    return say('unknown', `${vm.state === 'unknown' ? 'not known' : vm.state} ${roughAge(vm.at, nowMs)}`);
  if (vm.state === 'unknown') return say('unknown', 'not known');
  const found = foundOf(state);
  if (found?.word !== undefined && found.past === undefined && STATE_TONES[found.word] === 'bad')
    return say('broken', `${found.word}. ${found.headline ?? found.summary}`);
  if (vm.state !== 'running') return say('stopped', vm.state);

  const asked = [
    { name: 'SSH', ...ssh },
    { name: 'QMP', ...qmp },
    { name: 'guest agent', ...agent },
  ];
  const now = asked.filter(({ at }) => isFresh(at, nowMs));
  const silent = now.filter(({ answers }) => answers === false).map(({ name }) => name);
  if (silent.length === 1 && silent[0] === 'SSH' && ssh.reading !== 'silent' && ssh.reading !== 'unknown')
    return say('silent', `SSH ${ssh.reading}`);
  if (silent.length > 0) return say('silent', `${silent.join(' and ')} silent`);
  // The list asks the power host only, so SSH may still be as silent as it was when somebody last looked.
  if (ssh.answers === false) return say('unknown', `SSH ${ssh.reading} ${roughAge(ssh.at, nowMs)}`);
  const answering = now.filter(({ answers }) => answers === true).map(({ name }) => name);
  const [first] = answering;
  return say('well', first === undefined ? 'running' : `${first} answers`);
};

/** Worst first. Those of the same level keep their order. */
export const worstFirst = (names: readonly string[], levelOf: (name: string) => Level): readonly string[] =>
  names.toSorted((one, other) => LEVELS.indexOf(levelOf(one)) - LEVELS.indexOf(levelOf(other)));

/** The targets in trouble that now stand below a better one, because they became worse after the order was chosen. */
export const tooLow = (
  rows: readonly { readonly name: string; readonly level: Level }[],
): readonly string[] => {
  let best = 0;
  return rows.flatMap(({ name, level }) => {
    const rank = LEVELS.indexOf(level);
    const low = rank < best && level !== 'asking';
    best = Math.max(best, rank);
    return low ? [name] : [];
  });
};
