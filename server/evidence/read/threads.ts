// The QEMU process in both samples: its threads, where they hang, how much they worked. Pure.
import { headSections } from './head-sections.ts';

export interface Thread {
  readonly tid: number;
  readonly name: string;
  readonly state: string;
  readonly wchan: string;
  /** User and system time, in clock ticks. */
  readonly ticks: number;
}

export function readThreads(text: string | undefined): ReadonlyMap<number, Thread> {
  const threads = new Map<number, Thread>();
  for (const [path, body] of headSections(text ?? '')) {
    const match = /\/task\/(\d{1,10})\/(comm|stat|wchan)$/.exec(path);
    if (match === null) continue;
    const tid = Number(match[1]);
    const before = threads.get(tid) ?? { tid, name: '', state: '', wchan: '', ticks: 0 };
    if (match[2] === 'stat') threads.set(tid, { ...before, ...readStat(body) });
    else threads.set(tid, { ...before, [match[2] === 'comm' ? 'name' : 'wchan']: body.slice(0, 100) });
  }
  return threads;
}

/** `pid (name, which may hold anything) S ppid …`: utime and stime are the 14th and 15th field. */
function readStat(stat: string): { state: string; ticks: number } {
  const rest = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/);
  const ticks = Number(rest[11]) + Number(rest[12]);
  return { state: (rest[0] ?? '').slice(0, 1), ticks: Number.isFinite(ticks) ? ticks : 0 };
}

type Threads = ReadonlyMap<number, Thread>;

export function stuckThreads(a: Threads, b: Threads): readonly { name: string; wchan: string }[] {
  return [...a.values()].flatMap((thread) => {
    const later = b.get(thread.tid);
    const stuck = thread.state === 'D' && later?.state === 'D' && later.wchan === thread.wchan;
    const place = thread.wchan === '' || thread.wchan === '0' ? 'an unknown place' : thread.wchan;
    return stuck ? [{ name: thread.name || String(thread.tid), wchan: place }] : [];
  });
}

/** R, S, D, T, … from `/proc/<pid>/stat` or the line `State:` of its `status`. */
export function mainState(text: string | undefined): string | undefined {
  for (const [path, body] of headSections(text ?? '')) {
    const state =
      path.endsWith('/stat') && body !== ''
        ? readStat(body).state
        : (/^State:\s+(\S)/m.exec(path.endsWith('/status') ? body : '')?.[1] ?? '');
    if (/^[A-Z]$/i.test(state)) return state;
  }
  return undefined;
}
