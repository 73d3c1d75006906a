// What this browser keeps for each target: the session it was attached to and the operation it watched. Never a secret.
// Storage may be switched off; then nothing is kept and nothing breaks.
export interface Kept {
  recall(): string | null;
  remember(value: string): void;
}

/** `target` undefined: the default target. Its keys are those from before there could be several targets. */
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
        // Then it is forgotten when the page is closed.
      }
    },
  };
};
