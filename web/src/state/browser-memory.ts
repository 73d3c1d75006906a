// What this browser keeps for each target: the session it was attached to and the operation it watched; and, of the console, whether its
// checklist was begun or dismissed here. Never a secret.
// Storage may be switched off; then nothing is kept and nothing breaks.
export interface Kept {
  recall(): string | null;
  remember(value: string): void;
}

/** `target` undefined: the default target. Its keys are those from before there could be several targets. */
export const keptFor = (what: 'session' | 'operation' | 'set-up', target: string | undefined): Kept => {
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
        // Then it is forgotten when the page is closed.
      }
    },
  };
};
