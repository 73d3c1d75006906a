// In place of `semver` in the bundle. Fastify asks it whether each plugin is for this version of Fastify. Both are those of the lock file, and
// whatever runs the sources has asked: see bundle.ts.
export const satisfies = (): boolean => true;
