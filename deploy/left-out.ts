// In place of what the bundle does without: see bundle.ts.
export default function leftOut(): never {
  throw new Error('The bundle was built without this: deploy/bundle.ts says why.');
}
export const glob = leftOut;
/** Of semver: whether a plugin is for this version of Fastify. Both are those of the lock file, and whatever runs the sources has asked. */
export const satisfies = (): boolean => true;
