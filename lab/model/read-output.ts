// Reads what ordinary commands print. Pure; knows formats, and no name of any scenario.

export interface FileSystem {
  readonly mount: string;
  readonly percent: number;
  readonly size: string;
  readonly used: string;
  readonly available: string;
}

/** `df -h`: real filesystems only, fullest first. */
export function readDf(text: string): FileSystem[] {
  const found: FileSystem[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\d+)%\s+(\/.*)$/.exec(line.trim());
    if (match === null || /^(tmpfs|devtmpfs|udev|overlay|efivarfs|\/dev\/loop)/.test(match[1] ?? ''))
      continue;
    found.push({
      size: match[2] ?? '',
      used: match[3] ?? '',
      available: match[4] ?? '',
      percent: Number(match[5]),
      mount: match[6] ?? '',
    });
  }
  return found.sort((a, b) => b.percent - a.percent);
}

/** From here on a filesystem counts as full. */
export const FULL_PERCENT = 95;
export const fullest = (text: string): FileSystem | undefined =>
  readDf(text).find((each) => each.percent >= FULL_PERCENT);

export interface Usage {
  readonly path: string;
  readonly kib: number;
}

/** `du -k`: what lies in `dir`, largest first, without the line of `dir` itself. */
export function readDu(
  text: string,
  dir: string,
): { readonly total: number; readonly children: readonly Usage[] } {
  const lines = text.split('\n').flatMap((line): Usage[] => {
    const match = /^(\d+)\s+(\/.*)$/.exec(line.trim());
    return match === null ? [] : [{ kib: Number(match[1]), path: match[2] ?? '' }];
  });
  const children = lines.filter((each) => each.path !== dir).sort((a, b) => b.kib - a.kib);
  const own = lines.find((each) => each.path === dir);
  return { total: own?.kib ?? children.reduce((sum, each) => sum + each.kib, 0), children };
}

/** `systemctl --failed`: unit names, in order. */
export const readFailedUnits = (text: string): string[] =>
  text.split('\n').flatMap((line) => {
    const match = /^[●*×\s]*(\S+\.(?:service|socket|mount|timer|target|path|slice))\s+loaded\s+failed\b/.exec(
      line,
    );
    return match?.[1] === undefined ? [] : [match[1]];
  });

/** `free -m`: memory and swap in MiB. */
export function readFree(text: string):
  | {
      readonly total: number;
      readonly available: number;
      readonly swapTotal: number;
      readonly swapUsed: number;
    }
  | undefined {
  const memory = /^Mem:\s+(\d+)\s+\d+\s+\d+\s+\d+\s+\d+\s+(\d+)/m.exec(text);
  const swap = /^Swap:\s+(\d+)\s+(\d+)/m.exec(text);
  if (memory === null) return undefined;
  return {
    total: Number(memory[1]),
    available: Number(memory[2]),
    swapTotal: Number(swap?.[1] ?? 0),
    swapUsed: Number(swap?.[2] ?? 0),
  };
}

export const readLoad = (text: string): string | undefined => /load average:\s*([\d.]+)/.exec(text)?.[1];
export const readUptime = (text: string): string | undefined => /\bup\s+(.+?),\s+\d+ users?/.exec(text)?.[1];

/** The line that says why: of a unit's log, the last that names a cause, else the last that complains. */
export function readReason(text: string): string | undefined {
  const lines = text.split('\n');
  const line =
    lines.findLast((each) =>
      /no space left|out of memory|permission denied|address already in use|no such file/i.test(each),
    ) ?? lines.findLast((each) => /cannot|could not|fatal|panic|error|refused/i.test(each));
  return line
    ?.replace(/^.*?\]:\s*/, '')
    .trim()
    .slice(0, 200);
}

export const humanKib = (kib: number): string => {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = kib;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${value < 10 && at > 0 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
};

/** One word for a shell, whatever the name is made of. */
export const shellWord = (text: string): string =>
  /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
