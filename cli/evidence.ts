// `breakglass evidence`: what the console keeps of its captures, one as text, and its files.
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EvidenceList } from '../protocol/evidence.ts';
import { visibleJson } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { type ConsoleAddress, get, getText, reasonOf, request } from './console-client.ts';
import { CliError, EXIT } from './failure.ts';
import type { Room } from './surroundings.ts';

export interface EvidenceOptions {
  readonly id: string | undefined;
  readonly target: string | undefined;
  readonly bundle: string | undefined;
  readonly screen: string | undefined;
  readonly json: boolean;
}

export async function evidence(
  address: ConsoleAddress,
  { id, target, bundle, screen, json }: EvidenceOptions,
  room: Pick<Room, 'print' | 'talk'>,
): Promise<void> {
  if (id === undefined) {
    if (bundle !== undefined || screen !== undefined)
      throw new CliError('--bundle and --screen need the id of the evidence.', EXIT.usage);
    return list(address, target, json, room);
  }
  const path = `/api/evidence/${encodeURIComponent(id)}`;
  if (bundle !== undefined) await save(address, `${path}/bundle.tar.gz`, bundle, room);
  if (screen !== undefined) await save(address, `${path}/screen.png`, screen, room);
  if (bundle !== undefined || screen !== undefined) return;
  if (json) room.print(visibleJson(await get<unknown>(address, path)));
  else room.print((await getText(address, `${path}/text`)).replace(/\n$/, ''));
}

async function list(
  address: ConsoleAddress,
  target: string | undefined,
  json: boolean,
  { print }: Pick<Room, 'print'>,
): Promise<void> {
  const query = target === undefined ? '' : `?target=${encodeURIComponent(target)}`;
  const all = await get<EvidenceList>(address, `/api/evidence${query}`);
  if (json) return print(visibleJson(all));
  const rows = all.evidence.map(({ id, target: of, verb, at, status, summary }) => [
    id,
    of,
    verb,
    `${at.slice(0, 16).replace('T', ' ')}Z`,
    status,
    summary,
  ]);
  for (const line of columns(['EVIDENCE', 'TARGET', 'VERB', 'KEPT', 'STATUS', 'WHAT IT SHOWS'], rows))
    print(line);
}

/** Never over a file that is there. Of what broke off nothing stays. */
async function save(
  address: ConsoleAddress,
  path: string,
  file: string,
  { talk }: Pick<Room, 'talk'>,
): Promise<void> {
  const answer = await request(address, 'GET', path, { headers: { accept: '*/*' } });
  const out = createWriteStream(file, { flags: 'wx', mode: 0o600 });
  try {
    await pipeline(answer.body === null ? Readable.from([]) : Readable.fromWeb(answer.body), out);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new CliError(`${file} is there already. Name another file.`, EXIT.usage);
    await rm(file, { force: true });
    throw new CliError(`${file} could not be written: ${reasonOf(error)}.`);
  }
  talk(`${file}: ${out.bytesWritten} bytes.`);
}
