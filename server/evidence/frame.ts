// Where in what the host streamed the bundle begins: behind the mark of its script and whatever greets people there. Pure.

/** RFC 1952: ID1, ID2, deflate. */
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const NEWLINE = 0x0a;
/** A greeting is no longer. */
const LONGEST_GREETING = 64 * 1024;

export interface Framed {
  readonly archive: Buffer;
  /** What came before it, without the mark: kept, and never read for anything. */
  readonly before: string;
}

/** Where none begins, all of it is taken for an archive, and says itself what is wrong with it. */
export function frameArchive(stream: Buffer): Framed {
  const start = stream.subarray(0, LONGEST_GREETING);
  const places: number[] = [];
  for (let at = start.indexOf(GZIP); at !== -1; at = start.indexOf(GZIP, at + 1)) places.push(at);
  // It begins a line, but for a greeting that does not end its own.
  const at = places.find((place) => place === 0 || stream[place - 1] === NEWLINE) ?? places[0];
  if (at === undefined) return { archive: stream, before: '' };
  const before = start
    .subarray(0, at)
    .toString('utf8')
    .split('\n')
    .filter((line) => !line.startsWith('BREAKGLASS-'));
  return { archive: stream.subarray(at), before: before.join('\n').trim() };
}
