// What a person can do about an incident from its cards. They stand deep in the transcript, so the page provides it.
import { createContext } from 'svelte';

export interface IncidentSteps {
  /** Opens the power view of the target that is shown. */
  readonly toPower: () => void;
  readonly mayClose: () => boolean;
  /** Says what went wrong by itself. */
  readonly close: (id: string) => Promise<void>;
}

export const [incidentSteps, provideIncidentSteps] = createContext<IncidentSteps>();
