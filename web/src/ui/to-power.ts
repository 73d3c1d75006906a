// Opens the power view of the target that is shown. Cards stand deep in several views, so the page provides it.
import { createContext } from 'svelte';

export const [toPower, provideToPower] = createContext<() => void>();
