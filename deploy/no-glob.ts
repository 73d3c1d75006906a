// In place of `glob` in the bundle: see bundle.ts.
export function glob(): never {
  throw new Error('The bundle was built without glob.');
}
