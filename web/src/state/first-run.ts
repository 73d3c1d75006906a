// Whether the page opens with the checklist: asked once, when the page has its first answers.
import type { Doctor } from '../../../protocol/doctor.ts';
import type { Me, TargetState } from '../../../protocol/me.ts';
import { fetchSessions, fetchTarget } from '../api/console-api.ts';
import { type Kept, keptFor } from './browser-memory.ts';
import { looksNew } from './set-up.ts';

export const setUpKept: Kept = keptFor('set-up', undefined);

const remembered = (): 'begun' | 'dismissed' | null => {
  const kept = setUpKept.recall();
  return kept === 'begun' || kept === 'dismissed' ? kept : null;
};

/** A power host that is being asked for the first time gets this long to answer. After that a view that jumps would be in the way. */
const SETTLES_MS = 10_000;
const AGAIN_MS = 1_000;

const isUnsettled = ({ vm }: TargetState): boolean => vm.state === 'unknown' && vm.asking !== undefined;

const settledState = async (name: string): Promise<TargetState> => {
  const untilMs = Date.now() + SETTLES_MS;
  for (;;) {
    const state = await fetchTarget(name, () => undefined);
    if (!isUnsettled(state) || Date.now() > untilMs) return state;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
};

const wasActedOn = ({ recent }: TargetState): boolean =>
  recent !== undefined && (recent.operations.length > 0 || recent.evidence !== undefined);

export const isFirstRun = async (me: Me | null, doctor: Doctor | null): Promise<boolean> => {
  if (me === null || doctor === null) return false;
  const memory = remembered();
  if (!looksNew({ me, doctor, remembered: memory })) return false;
  try {
    const states = await Promise.all(me.targets.map(({ name }) => settledState(name)));
    if (states.some(wasActedOn)) return false;
    // A power path that answers is set up, whatever else is missing; only who has begun the checklist goes on with it.
    const answers = ({ vm }: TargetState) => vm.state !== 'unknown';
    const mayAnswer = (state: TargetState) => doctor.last === null && isUnsettled(state);
    if (memory !== 'begun' && states.some((state) => answers(state) || mayAnswer(state))) return false;
    if (me.mode === 'power-only') return true;
    const { sessions } = await fetchSessions({ search: '', target: undefined, before: undefined });
    return sessions.length === 0;
  } catch {
    // Who cannot tell takes the console for one that is in use.
    return false;
  }
};
