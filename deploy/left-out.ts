// In place of what the bundle does without: bundle.ts says why. Whoever uses it all the same fails at once.
export function glob(): never {
  throw new Error('The bundle was built without glob.');
}
/** Of semver: whether a plugin is for this version of Fastify. Both are those of the lock file, and whatever runs the sources has asked. */
export const satisfies = (): boolean => true;
