// What this browser keeps: which session it was attached to and which operation it watched. Never a secret.
// Storage may be switched off; then nothing is kept and nothing breaks.
type Key = 'breakglass.session' | 'breakglass.operation';

export const recall = (key: Key): string | null => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};

export const remember = (key: Key, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Kept for this page only, then.
  }
};
