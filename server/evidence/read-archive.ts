// A bundle read in a worker: what came from outside may be a bomb, and must hold up nobody else. Whatever becomes of the worker, there is
// a record.
import { Worker } from 'node:worker_threads';
import type { EvidenceRecord } from '../../protocol/evidence.ts';
import { type Cause, makeRecord } from './record.ts';
import type { ReadBundle } from './signals.ts';

/** Everything of it can be sent from a worker. */
export interface ArchiveJob {
  readonly cause: Cause;
  readonly archive: Uint8Array;
  /** Said before the bundle came: see frame.ts. */
  readonly before: string;
  /** What went wrong on its way. */
  readonly problems: readonly string[];
  readonly at: Date;
}

export interface ReadArchive {
  readonly record: EvidenceRecord;
  /** The record as it is kept. */
  readonly json: string;
  readonly png: Uint8Array | undefined;
  readonly read: ReadBundle;
  /** See record.ts. */
  readonly named: string | undefined;
}

export interface ReadLimits {
  readonly ms: number;
  readonly heapMb: number;
}

/** A capture of 20 MB takes half a second; a bomb is cut at 96 MB (unpack.ts) well within this. */
const LIMITS: ReadLimits = { ms: 20_000, heapMb: 512 };

export async function readArchive(job: ArchiveJob, limits: ReadLimits = LIMITS): Promise<ReadArchive> {
  try {
    return await inWorker(job, limits);
  } catch (error) {
    const why = `It could not be read: ${error instanceof Error ? error.message : String(error)}. The archive is kept.`;
    const nothing = { id: undefined, files: new Map<string, Buffer>(), problems: [why] };
    const { record, read } = await makeRecord(job.cause, nothing, job.archive.length, job.problems, job.at);
    return { record, json: JSON.stringify(record), png: undefined, read, named: undefined };
  }
}

/** Beside this file, in the sources as in the bundle. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './archive-worker.ts' : './archive-worker.js',
  import.meta.url,
);

async function inWorker(job: ArchiveJob, { ms, heapMb }: ReadLimits): Promise<ReadArchive> {
  const worker = new Worker(WORKER, {
    workerData: job,
    // Nothing of the server's environment is of use there.
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  });
  const { promise, resolve, reject } = Promise.withResolvers<ReadArchive>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', (code) => reject(new Error(`the reading ended by itself (code ${code})`)));
  const timer = setTimeout(() => reject(new Error(`it took longer than ${ms / 1_000} s`)), ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
