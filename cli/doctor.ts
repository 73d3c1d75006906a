// `breakglass doctor`: every link between a phone at night and a VM that runs again, the broken ones first, with what to do. What an edge
// does to event streams is measured from here, through the address that was given.
import type { Doctor, DoctorTick, Examination, Link, LinkState } from '../protocol/doctor.ts';
import { type Arrival, type StreamVerdict, streamVerdict } from '../protocol/doctor-stream.ts';
import { withStream } from '../protocol/examination.ts';
import { visibleJson, visibleLine } from '../protocol/visible-text.ts';
import { columns } from './columns.ts';
import { ask, type ConsoleAddress, get, request } from './console-client.ts';
import { frames } from './event-frames.ts';
import { CliError, EXIT, NoAnswer } from './failure.ts';
import type { Room, Tint } from './surroundings.ts';

export interface DoctorOptions {
  readonly target: string | undefined;
  readonly last: boolean;
  readonly json: boolean;
}

/** An agent, a VM and a power host that are all silent, one after the other. */
const EXAMINATION_MS = 300_000;

/** Resolves with the exit code: 1 where something is broken. */
export async function doctor(
  address: ConsoleAddress,
  { target, last, json }: DoctorOptions,
  room: Pick<Room, 'print' | 'talk'>,
): Promise<number> {
  if (last && target !== undefined)
    throw new CliError('--last shows what was seen of all targets: leave the target out.', EXIT.usage);
  const seen = last ? await lastOne(address) : await examine(address, target, room);
  if (json) room.print(visibleJson(seen));
  else show(seen, room);
  return seen.count.broken > 0 ? EXIT.failed : 0;
}

async function lastOne(address: ConsoleAddress): Promise<Examination> {
  const { last } = await get<Doctor>(address, '/api/doctor');
  if (last !== null) return last;
  throw new CliError('The links were never examined. Run: breakglass doctor');
}

async function examine(
  address: ConsoleAddress,
  target: string | undefined,
  { talk }: Pick<Room, 'talk'>,
): Promise<Examination> {
  talk('Examining all links. Nothing is changed.');
  const [seen, stream] = await Promise.all([
    ask<Examination>(address, 'POST', '/api/doctor', target === undefined ? {} : { target }, {
      limitMs: EXAMINATION_MS,
    }),
    streamLink(address),
  ]);
  return stream === undefined ? seen : withStream(seen, stream);
}

/** Undefined: it could not be asked for. */
async function streamLink(address: ConsoleAddress): Promise<StreamVerdict | undefined> {
  const arrivals: Arrival[] = [];
  let of = 0;
  try {
    const answer = await request(address, 'GET', '/api/doctor/stream', {
      headers: { accept: 'text/event-stream' },
    });
    for await (const { data } of frames(answer)) {
      const tick = JSON.parse(data) as DoctorTick;
      of = tick.of;
      arrivals.push({ sentAtMs: Date.parse(tick.sent_at), receivedAtMs: performance.now() });
    }
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (arrivals.length === 0 && !(error instanceof NoAnswer)) return undefined;
  }
  return streamVerdict(arrivals, of);
}

const ORDER: readonly LinkState[] = ['broken', 'doubtful', 'not-checked', 'works', 'not-used'];
const TONES: Readonly<Partial<Record<LinkState, Tint['tone']>>> = {
  broken: 'bad',
  doubtful: 'doubtful',
  works: 'good',
};

function show({ at, links, count }: Examination, { print }: Pick<Room, 'print'>): void {
  const sorted = links.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const rows = sorted.map(({ state, code, target = '', detail }) => [state, code, target, detail]);
  const [head = '', ...lines] = columns(['STATE', 'LINK', 'TARGET', 'WHAT WAS SEEN'], rows);
  print(head);
  for (const [index, line] of lines.entries()) {
    const { state, remedy, docs } = sorted[index] as Link;
    const tone = TONES[state];
    print(line, tone === undefined ? undefined : { word: state, tone });
    if (remedy !== undefined) print(`  do: ${visibleLine(remedy)} (${visibleLine(docs)})`);
  }
  print(
    `${at.slice(0, 16).replace('T', ' ')}Z: ${count.broken} broken, ${count.doubtful} doubtful, ${count['not-checked']} not checked, ${count.works} work, ${count['not-used']} not used.`,
  );
}
