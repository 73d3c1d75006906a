// The address of an evidence bundle of the target that is shown. Cards stand deep in several views, so the page provides it.
import { createContext } from 'svelte';

/** Undefined for whoever may not see evidence. */
export const [evidenceLink, provideEvidenceLink] = createContext<(id: string) => string | undefined>();
