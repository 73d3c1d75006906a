// The worker of read-archive.ts: one bundle, unpacked, read and made a record. Its answer is its only message.
import { parentPort, workerData } from 'node:worker_threads';
import type { ArchiveJob, ReadArchive } from './read-archive.ts';
import { makeRecord } from './record.ts';
import { unpack } from './unpack.ts';

const { cause, archive, before, problems, at } = workerData as ArchiveJob;
const unpacked = await unpack(Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength));
const { record, png, read, named } = await makeRecord(cause, unpacked, archive.length, problems, at, before);
const answer: ReadArchive = { record, json: JSON.stringify(record), png, read, named };
parentPort?.postMessage(answer);
