// The host's kernel log: was *this* VM's QEMU killed for want of memory, recently, and does the host's own storage hang? Lines
// without a readable time are evidence and nothing more. Pure.
import { known, type Reading, unreadable } from '../../triage/reading.ts';

/** A kill further back did not stop the VM that is looked at now: it has been started since, or nobody missed it. */
const OOM_RECENT_MS = 60 * 60_000;
/** Trouble of the storage that is over is no trouble. */
const STORAGE_RECENT_MS = 15 * 60_000;
const MOST_SHOWN = 5;

/** `2026-11-27T02:39:18,123456+00:00 text` (dmesg --time-format=iso, journalctl) or `[Sat Jan 31 02:00:00 2026] text` (dmesg -T). */
function timeOf(line: string): number | undefined {
  const iso = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)/.exec(line);
  if (iso !== null) return at(`${iso[1]}${iso[2]?.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
  const words = /^\[(?:\w{3} )(\w{3}) +(\d{1,2}) (\d\d:\d\d:\d\d) (\d{4})\]/.exec(line);
  // Without a zone: the host's script runs with TZ=UTC.
  return words === null ? undefined : at(`${words[2]} ${words[1]} ${words[4]} ${words[3]} UTC`);
}
const at = (text: string): number | undefined => {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
};

/** The host keeps 256 KB of it. Bounded, so that the patterns below take time proportional to the log, whatever it holds. */
const MOST_LINES = 20_000;
const linesOf = (log: string): readonly string[] =>
  log
    .split('\n')
    .slice(-MOST_LINES)
    .map((line) => line.slice(0, 1_000));

const shown = (line: string): string => line.trim().slice(0, 300);

/**
 * The kernel's line about killing this VM's QEMU within the last hour, or `none`. Ours by its scope: another VM's kill, and one of
 * a program inside a container, look the same but for that.
 */
export function readOutOfMemory(
  log: string,
  vmid: number | undefined,
  nowMs: number | undefined,
): Reading<string> {
  if (vmid === undefined || nowMs === undefined)
    return unreadable('kernel-log: without its manifest it does not say whose and when');
  const ours = new RegExp(
    `task_memcg=[^,]*/${vmid}\\.scope(?:[,/]|$)|\\b${vmid}\\.scope: .*(?:OOM killer|oom-kill)`,
  );
  const lines = linesOf(log);
  const found = lines.findLastIndex((line) => ours.test(line) && recent(line, nowMs, OOM_RECENT_MS) === true);
  const line = lines[found];
  if (line === undefined) return known('none');
  // The line that people know follows the one that tells whose it was.
  const pid = /\bpid=(\d{1,10})/.exec(line)?.[1];
  const kill =
    pid === undefined
      ? undefined
      : lines.slice(found, found + 10).find((each) => new RegExp(`Killed process ${pid}\\b`).test(each));
  return known(shown(kill === undefined ? line : `${kill} (${vmid}.scope)`));
}

/** True, false, or undefined where the line does not say when it was. */
function recent(line: string, nowMs: number, withinMs: number): boolean | undefined {
  const ms = timeOf(line);
  // A minute ahead: the two clocks are one machine's, but the log's stamps drift.
  return ms === undefined ? undefined : ms <= nowMs + 60_000 && nowMs - ms <= withinMs;
}

interface Trouble {
  readonly begins: RegExp;
  /** What says that it is over; `$1` of both is the same. */
  readonly ends?: RegExp;
}

/** What Linux says when storage of its own does not answer. */
const TROUBLES: readonly Trouble[] = [
  { begins: /nfs: server (\S+) not responding/, ends: /nfs: server (\S+) OK/ },
  { begins: /CIFS: .*\\\\(\S+) has not responded/, ends: /CIFS: .*\\\\(\S+) .*reconnect(?:ed| succeeded)/ },
  { begins: /INFO: task (\S+) blocked for more than \d+ seconds/ },
  { begins: /WARNING: Pool '([^']+)' has encountered an uncorrectable I\/O failure and has been suspended/ },
  { begins: /(?:critical (?:medium|target|space allocation) error|I\/O error), dev (?!sr\d|fd\d|loop)(\w+)/ },
  { begins: /Buffer I\/O error on (?:dev |device )(?!sr\d|fd\d|loop)(\S+?),/ },
  {
    begins:
      /device-mapper: thin: (\S+): (?:switching pool to out-of-data-space|no free (?:data|metadata) space)/,
  },
  { begins: /device-mapper: multipath:? .*Failing path (\S+?)\.?$/ },
  { begins: /(?:EXT4|XFS|BTRFS)[- ].*(?:I\/O error|error \(device|Remounting filesystem read-only)(.*)/ },
  {
    begins: /libceph: (?:osd|mon)(\d+) .*(?:down|socket error|connect error)/,
    ends: /libceph: (?:osd|mon)(\d+) .*(?:up|session established)/,
  },
  { begins: /connection(\d+:\d+): detected conn error/ },
];

/** Recent lines about the host's storage. Empty: it complains of nothing now. */
export function readHostStorage(log: string, nowMs: number | undefined): Reading<readonly string[]> {
  const open = new Map<string, string>();
  let undated = 0;
  for (const line of linesOf(log)) {
    for (const [n, { begins, ends }] of TROUBLES.entries()) {
      const over = ends?.exec(line);
      if (over !== null && over !== undefined) open.delete(`${n} ${over[1] ?? ''}`);
      const trouble = begins.exec(line);
      if (trouble === null) continue;
      const isRecent = nowMs === undefined ? undefined : recent(line, nowMs, STORAGE_RECENT_MS);
      if (isRecent === undefined) undated += 1;
      if (isRecent === true) open.set(`${n} ${trouble[1] ?? ''}`, shown(line));
    }
  }
  if (open.size > 0) return known([...open.values()].slice(-MOST_SHOWN));
  return undated > 0
    ? unreadable(`kernel-log: ${undated} lines speak of storage and do not say when`)
    : known([]);
}
