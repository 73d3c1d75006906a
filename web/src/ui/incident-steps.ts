// What a person can do about an incident from its cards. They stand deep in the transcript, so the page provides it.
import { createContext } from 'svelte';
import type { MutatingVerb } from '../../../protocol/verbs.ts';

export interface IncidentSteps {
  /** Opens the power view of the target that is shown, with this verb to be held there. Nothing is pressed. Undefined for whoever has none. */
  readonly toPower: ((verb?: MutatingVerb) => void) | undefined;
  /** Whether a verb was run on the target since then, so that what was advised before is past. */
  readonly changedSince: (at: string) => boolean;
  readonly mayClose: () => boolean;
  /** Says what went wrong by itself. */
  readonly close: (id: string) => Promise<void>;
}

export const [incidentSteps, provideIncidentSteps] = createContext<IncidentSteps>();
