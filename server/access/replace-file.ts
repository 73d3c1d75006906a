// A small file that is there whole, before and after: written beside, to disk, then in its place. Only its owner may read it.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

export function replaceFile(file: string, text: string): void {
  const beside = `${file}.new`;
  const descriptor = openSync(beside, 'w', 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(beside, file);
}
