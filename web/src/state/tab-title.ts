// What the tab says of the target while nobody looks at the page: a shape and a few words, for the title and for the icon. Pure. What waits
// for an answer comes before how the target is; what is old, or not known, is never called well.
import type { TargetState } from '../../../protocol/me.ts';
import { isStale } from './power-words.ts';
import { healthOf, type Level } from './target-health.ts';
import type { Tone } from './tone.ts';

/** For each there is an icon, `web/public/favicon-….svg`. */
export const TAB_TONES = ['ok', 'warn', 'bad', 'none'] as const satisfies readonly Tone[];
export type TabTone = (typeof TAB_TONES)[number];

export interface TabState {
  readonly target: string;
  /** What was read last; null: nothing yet. */
  readonly state: TargetState | null;
  /** By the server's clock, which dated the readings. */
  readonly nowMs: number;
  /** False: the console does not answer, or this device is offline. Then nothing is known of now. */
  readonly reached: boolean;
  /** A question of the agent waits for a person. */
  readonly asked: boolean;
}

export interface TabWords {
  readonly title: string;
  readonly tone: TabTone;
}

const TONES: Readonly<Record<Level, TabTone>> = {
  broken: 'bad',
  silent: 'warn',
  stopped: 'warn',
  unknown: 'none',
  asking: 'none',
  well: 'ok',
};
/** In a title there is no drawing. Full: fresh. Hollow: not known. */
const SHAPES: Readonly<Record<TabTone, string>> = { ok: '✓', warn: '●', bad: '✕', none: '○' };

export const tabTitle = ({ target, state, nowMs, reached, asked }: TabState): TabWords => {
  const say = (tone: TabTone, words: string): TabWords => ({
    tone,
    title: `${SHAPES[tone]} ${target} ${words} · Breakglass`,
  });
  if (asked && reached) return say('warn', 'asks you');
  if (!reached) return say('none', 'unknown');
  const { level, words } = healthOf(state ?? undefined, nowMs);
  // A tab has room for the word of a finding, and not for its headline.
  const [first = words] = words.split('. ');
  if (level !== 'well') return say(TONES[level], first);
  // The list asks the power host only; of one target it is known whether SSH answers, and well is said only then.
  const isHeard = state?.ssh.answers === true && !isStale(state.ssh.at, nowMs);
  return isHeard ? say('ok', 'is well') : say('none', 'runs');
};
