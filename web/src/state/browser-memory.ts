// What this browser keeps for each target: the session it was attached to and the operation it watched. Never a secret.
// Storage may be switched off; then nothing is kept and nothing breaks.
export interface Kept {
  recall(): string | null;
  remember(value: string): void;
}

/** `target` undefined: the default one, which has the names from before there were several. */
export const keptFor = (what: 'session' | 'operation', target: string | undefined): Kept => {
  const key = target === undefined ? `breakglass.${what}` : `breakglass.${what}.${target}`;
  return {
    recall: () => {
      try {
        return localStorage.getItem(key);
      } catch {
        return null;
      }
    },
    remember: (value) => {
      try {
        localStorage.setItem(key, value);
      } catch {
        // Kept for this page only, then.
      }
    },
  };
};
