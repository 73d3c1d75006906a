import { statSync } from 'node:fs';

/** A mount that failed leaves a directory at the path of the key, which is no key. */
export const isKeyFile = (file: string): boolean => {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && !found.isDirectory();
};
