// Fetches what the host captured (the word `evidence`, which streams its newest bundle), keeps it and tells the journal.
// Nothing here may hold up or fail a verb: whatever goes wrong is said in the record, or logged.
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import type { EvidenceRecord, EvidenceSummary } from '../../protocol/evidence.ts';
import { type EvidenceId, parseEvidenceId, type TargetName } from '../../protocol/ids.ts';
import { isMutating } from '../../protocol/verbs.ts';
import type { Journal } from '../journal/port.ts';
import type { SshConnection } from '../ssh/connection.ts';
import { frameArchive } from './frame.ts';
import type { Collected, CollectRequest, Evidence, Latest } from './port.ts';
import { readArchive } from './read-archive.ts';
import { createShelf, type ShelfBounds } from './shelf.ts';
import { watchOver } from './watch.ts';

export interface EvidenceParts {
  readonly target: TargetName;
  /** To the power host. */
  readonly ssh: SshConnection;
  readonly dataDir: string;
  readonly journal: Journal | undefined;
  readonly logger: Logger;
  readonly bounds?: Partial<ShelfBounds>;
  readonly fetchLimitMs?: number;
  readonly fetchBytes?: number;
}

const BOUNDS: ShelfBounds = { bundles: 200, bytes: 2 * 1024 ** 3 };
// A capture is 20 MB at the very most, mostly text: more than this is not one of ours.
const FETCH_BYTES = 64 * 1024 ** 2;
const FETCH_LIMIT_MS = 30_000;

/** Each target's bundles stand on a shelf of their own: their numbers and sizes are bounded apart. */
const shelfDir = (dataDir: string, target: string): string => path.join(dataDir, 'evidence', target);

/** Until there were several targets the bundles of the only one lay in `evidence` itself. Moved once; what fails is logged. */
export function adoptLooseEvidence(dataDir: string, logger: Logger): void {
  const from = path.join(dataDir, 'evidence');
  const to = shelfDir(dataDir, 'devvm');
  try {
    const loose = readdirSync(from, { withFileTypes: true }).filter((entry) => entry.isFile());
    if (loose.length > 0) mkdirSync(to, { recursive: true, mode: 0o700 });
    for (const { name } of loose) renameSync(path.join(from, name), path.join(to, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn({ err: error }, `evidence of an earlier version stays in ${from} and is not listed`);
  }
}

/** Removes a bundle, also of a target that is configured no more. */
export const removeEvidence = (dataDir: string, target: TargetName, id: EvidenceId): Promise<void> =>
  createShelf(shelfDir(dataDir, target), BOUNDS).remove(id);

export function createEvidence(parts: EvidenceParts): Evidence {
  const { target, journal, logger } = parts;
  const shelf = createShelf(shelfDir(parts.dataDir, target), { ...BOUNDS, ...parts.bounds });
  const summaries = new Map<string, EvidenceSummary>();
  let latest: Latest | undefined;
  // What a server before this one asked for is history, too, when it is fetched.
  let outdatedAtMs = Date.now();

  async function collect(request: CollectRequest): Promise<Collected | undefined> {
    const id = parseEvidenceId(request.id);
    if (id === undefined)
      throw new Error(`the host named its evidence ${JSON.stringify(request.id.slice(0, 100))}`);
    const { stream, problems } = await fetchNewest(parts, request.signal);
    if (stream.length === 0) throw new Error(problems.join(' ') || 'the host sent nothing');
    // What a server has of it when it ends is no bundle: the next one fetches it.
    if (request.signal?.aborted) throw new Error('the server ended while it was fetched');
    const { archive, before } = frameArchive(stream);
    const { verb, operation_id, session_id } = request;
    const cause = { id, target, verb, operation_id, session_id, ssh: request.ssh };
    const { record, json, png, read, named } = await readArchive({
      cause,
      archive,
      before,
      problems,
      at: new Date(),
    });
    // The newest there is another's by now: kept under this id it would tell of another moment, and be damaged for ever.
    if (named !== undefined && named !== id)
      throw new Error(`asked for ${id}; what came is ${named.slice(0, 100)}`);
    const { signals, counters } = watchOver(latest?.counters ?? [], read);
    // While it was captured and fetched a verb may have begun.
    if (!isMutating(verb) && request.beganAtMs >= outdatedAtMs)
      latest = { signals, counters, ssh: request.ssh, atMs: Date.now() };
    const summary = summaryOf(record);
    await shelf.put(id, {
      '.tar.gz': archive,
      '.png': png,
      '.json': json,
      '.summary': JSON.stringify(summary),
    });
    summaries.set(id, summary);
    await journal
      ?.append([
        {
          kind: 'evidence',
          evidence_id: id,
          verb,
          status: record.status,
          summary: record.summary,
          actor: request.by,
          target,
          ...(operation_id === undefined ? {} : { operation_id }),
          ...(session_id === undefined ? {} : { session_id }),
        },
      ])
      .catch((error: unknown) =>
        logger.error({ err: error, evidence: id }, 'evidence not recorded in the journal'),
      );
    return { status: record.status, signals, record };
  }

  /** What we wrote ourselves; undefined when it is not there, or when the disk made garbage of it. */
  async function parsed<T>(id: EvidenceId, suffix: '.json' | '.summary'): Promise<T | undefined> {
    const json = await shelf.get(id, suffix);
    if (json === undefined) return undefined;
    try {
      return JSON.parse(json.toString('utf8')) as T;
    } catch (error) {
      logger.warn({ err: error, evidence: id }, 'kept evidence cannot be read');
      return undefined;
    }
  }

  return {
    collect: (request) =>
      collect(request).catch((error: unknown) => {
        logger.warn(
          { err: error, evidence: request.id.slice(0, 100) },
          'evidence was not kept here; the power host has it',
        );
        return undefined;
      }),
    latest: () => latest,
    outdated() {
      latest = undefined;
      outdatedAtMs = Date.now();
    },
    async list() {
      const all: EvidenceSummary[] = [];
      for (const id of await shelf.ids()) {
        const summary = summaries.get(id) ?? (await parsed<EvidenceSummary>(id, '.summary'));
        if (summary === undefined) continue;
        summaries.set(id, summary);
        all.push(summary);
      }
      return all;
    },
    read: (id) => parsed<EvidenceRecord>(id, '.json'),
    picture: (id) => shelf.get(id, '.png'),
    archive: (id) => shelf.get(id, '.tar.gz'),
  };
}

function summaryOf(record: EvidenceSummary): EvidenceSummary {
  const { id, target, verb, at, status, why, bytes, screen, operation_id, session_id, summary, word } =
    record;
  return {
    id,
    target,
    verb,
    at,
    status,
    bytes,
    screen,
    summary,
    ...(word === undefined ? {} : { word }),
    ...(why === undefined ? {} : { why }),
    ...(operation_id === undefined ? {} : { operation_id }),
    ...(session_id === undefined ? {} : { session_id }),
  };
}

async function fetchNewest(
  { ssh, fetchLimitMs = FETCH_LIMIT_MS, fetchBytes = FETCH_BYTES }: EvidenceParts,
  signal: AbortSignal | undefined,
): Promise<{ stream: Buffer; problems: string[] }> {
  const chunks: Buffer[] = [];
  const problems: string[] = [];
  let bytes = 0;
  const full = new AbortController();
  const end = await ssh.run({
    command: 'evidence',
    timeoutMs: fetchLimitMs,
    signal: signal === undefined ? full.signal : AbortSignal.any([signal, full.signal]),
    onStdout(chunk) {
      const room = fetchBytes - bytes;
      bytes += chunk.length;
      if (room > 0) chunks.push(chunk.length <= room ? chunk : chunk.subarray(0, room));
      if (bytes > fetchBytes) full.abort();
    },
  });
  if (full.signal.aborted) problems.push(`It is larger than ${fetchBytes} bytes: cut there.`);
  else if (end.how !== 'exited') problems.push(`Fetching it was cut off (${end.how}). ${end.detail}`.trim());
  else if (end.exitCode !== 0)
    problems.push(`The host ended with exit code ${end.exitCode}: ${end.stderrTail.trim().slice(-300)}`);
  return { stream: Buffer.concat(chunks), problems };
}
