// A bundle's tar.gz, unpacked in memory. Nothing of it is ever written under a name that it brought: what is hostile (paths
// that leave the directory, links, devices, bombs) is refused and said, the rest is kept. Never throws.
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';

export interface Unpacked {
  /** The directory that all files were in. */
  readonly id: string | undefined;
  /** Path below that directory → bytes. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What was wrong, one sentence each. Empty: the bundle is whole. */
  readonly problems: readonly string[];
}

export interface UnpackLimits {
  /** Of everything, unpacked: the host caps a capture well below it. */
  readonly totalBytes: number;
  readonly fileBytes: number;
  readonly files: number;
}

const LIMITS: UnpackLimits = { totalBytes: 96 * 1024 ** 2, fileBytes: 32 * 1024 ** 2, files: 400 };
const PATH =
  /^(?:\.\/)?([A-Za-z0-9][A-Za-z0-9._-]{0,99})\/((?:background\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,79})$/;
const MOST_PROBLEMS = 20;

export async function unpack(archive: Buffer, limits: UnpackLimits = LIMITS): Promise<Unpacked> {
  const files = new Map<string, Buffer>();
  const problems: string[] = [];
  const complain = (problem: string): void => {
    if (problems.length < MOST_PROBLEMS && !problems.includes(problem)) problems.push(problem);
  };
  if (archive.length === 0) return { id: undefined, files, problems: ['The bundle is empty.'] };
  let id: string | undefined;
  const tar = await gunzip(archive, limits.totalBytes, complain);
  const decoder = createTarDecoder({ strict: true });
  try {
    const source = new Blob([tar]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    for await (const entry of source.pipeThrough(decoder) as unknown as AsyncIterable<ParsedTarEntry>) {
      const { name, type } = entry.header;
      const [, directory, path] = PATH.exec(name) ?? [];
      if (type === 'directory' || type === 'pax-global-header') {
        await entry.body.cancel();
        continue;
      }
      const refusal =
        type !== undefined && type !== 'file'
          ? `a ${type}`
          : directory === undefined || path === undefined
            ? 'its path leaves the bundle or is not one of ours'
            : id !== undefined && directory !== id
              ? 'it is in another directory'
              : files.size >= limits.files
                ? 'too many files'
                : undefined;
      if (refusal !== undefined || path === undefined) {
        complain(`Refused ${JSON.stringify(name.slice(0, 80))}: ${refusal}.`);
        await entry.body.cancel();
        continue;
      }
      id = directory;
      files.set(path, await collect(entry, limits.fileBytes, complain));
    }
  } catch (error) {
    complain(
      `The archive ends early or is broken (${error instanceof Error ? error.message : String(error)}).`,
    );
  }
  if (files.size === 0) complain('It holds no file.');
  return { id, files, problems };
}

type Complain = (problem: string) => void;

/** What could be unpacked up to the limit or to the damage. */
async function gunzip(archive: Buffer, limitBytes: number, complain: Complain): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = createGunzip();
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.on('data', (chunk: Buffer) => {
    const room = limitBytes - bytes;
    chunks.push(chunk.length <= room ? chunk : chunk.subarray(0, room));
    bytes += chunk.length;
    if (bytes <= limitBytes) return;
    complain(`It unpacks to more than ${limitBytes} bytes: cut there.`);
    stream.destroy();
    resolve();
  });
  stream.on('error', (error) => {
    complain(`The compressed data is cut off or broken (${error.message}).`);
    resolve();
  });
  stream.on('end', resolve);
  stream.end(archive);
  await promise;
  return Buffer.concat(chunks);
}

/** The part of a file that is there. */
async function collect(entry: ParsedTarEntry, limitBytes: number, complain: Complain): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = entry.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (bytes + value.length > limitBytes) {
        complain(
          `${entry.header.name.slice(0, 120)} is larger than ${limitBytes} bytes: left out from there.`,
        );
        await reader.cancel();
        break;
      }
      bytes += value.length;
      chunks.push(value.slice());
    }
  } catch {
    complain(`${entry.header.name.slice(0, 120)} ends early.`);
  }
  return Buffer.concat(chunks);
}
