// Whether the page opens with the checklist: asked once, when the page has its first answers.
import type { Doctor } from '../../../protocol/doctor.ts';
import type { Me } from '../../../protocol/me.ts';
import { fetchSessions, fetchTarget } from '../api/console-api.ts';
import { type Kept, keptFor } from './browser-memory.ts';
import { looksNew } from './set-up.ts';

export const setUpKept: Kept = keptFor('set-up', undefined);

const remembered = (): 'begun' | 'dismissed' | null => {
  const kept = setUpKept.recall();
  return kept === 'begun' || kept === 'dismissed' ? kept : null;
};

/** Whether a person or an agent ever did anything here. Who cannot tell takes the console for one that is in use. */
const wasUsed = async ({ targets, mode }: Me): Promise<boolean> => {
  const states = await Promise.all(targets.map(({ name }) => fetchTarget(name, () => undefined)));
  const worked = ({ recent }: (typeof states)[number]) =>
    recent !== undefined && (recent.operations.length > 0 || recent.evidence !== undefined);
  if (states.some(worked)) return true;
  if (mode === 'power-only') return false;
  const { sessions } = await fetchSessions({ search: '', target: undefined, before: undefined });
  return sessions.length > 0;
};

export const isFirstRun = async (me: Me | null, doctor: Doctor | null): Promise<boolean> => {
  if (me === null || doctor === null) return false;
  if (!looksNew({ me, doctor, remembered: remembered() })) return false;
  return !(await wasUsed(me).catch(() => true));
};
