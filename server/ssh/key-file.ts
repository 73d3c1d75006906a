import { statSync } from 'node:fs';

/** A mount that went wrong leaves a directory at the key's path: that is no key. */
export const isKeyFile = (file: string): boolean => {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && !found.isDirectory();
};
