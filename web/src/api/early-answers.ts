// What `public/early.js` asked for before this script was here. Each answer is taken once, and only while it is fresh.
interface EarlyAnswer {
  readonly response: Response;
  /** By `performance.now()`. */
  readonly arrivedAt: number;
}

/** A reading that is older is better asked for again. */
const FRESH_MS = 5_000;

const asked = (globalThis as { breakglassEarly?: Map<string, Promise<EarlyAnswer>> }).breakglassEarly;

const firsts = new Set<string>();

/** Undefined: nobody has asked, or too long ago. Rejects when the request did. */
export const takeEarly = async (
  path: string,
): Promise<{ readonly response: Response; readonly ageMs: number } | undefined> => {
  const early = asked?.get(path);
  // Only for the first request of a path: what comes early after that is old news.
  if (firsts.has(path)) return undefined;
  firsts.add(path);
  if (early === undefined) return undefined;
  asked?.delete(path);
  const { response, arrivedAt } = await early;
  const ageMs = performance.now() - arrivedAt;
  return ageMs <= FRESH_MS ? { response, ageMs } : undefined;
};
