// How coreutils write sizes, modes and tables.
import type { Inode } from '../state/inode.ts';

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];

/** As `-h`: rounded up, one decimal below ten. */
export const human = (bytes: number, base = 1024): string => {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < UNITS.length - 1) {
    value /= base;
    unit += 1;
  }
  if (unit === 0) return String(Math.ceil(value));
  const rounded = value < 10 ? (Math.ceil(value * 10) / 10).toFixed(1) : String(Math.ceil(value));
  return `${rounded === '10.0' ? '10' : rounded}${UNITS[unit]}`;
};

/** As `free -h` and systemd: `7.6Gi`. */
export const binary = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${value}B`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${UNITS[unit]}i`;
};

/** As systemd writes memory and journal sizes: `24.0M`. */
export const decimalSize = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value}B` : `${value.toFixed(1)}${UNITS[unit]}`;
};

/** `10M`, `2G`, `512`, in bytes; undefined when it is no size. */
export const parseSize = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)([bcwkKMGT]?)i?B?$/.exec(text);
  if (!match) return undefined;
  const scale =
    { '': 1, b: 512, c: 1, w: 2, k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }[
      match[2] ?? ''
    ] ?? 1;
  return Number(match[1]) * scale;
};

export const modeText = (node: Inode): string => {
  const kind = { file: '-', dir: 'd', link: 'l', device: 'c' }[node.kind];
  const bits = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit) =>
    (node.mode >> bit) & 1 ? 'rwx'[(8 - bit) % 3] : '-',
  );
  if (node.mode & 0o4000) bits[2] = bits[2] === 'x' ? 's' : 'S';
  if (node.mode & 0o2000) bits[5] = bits[5] === 'x' ? 's' : 'S';
  if (node.mode & 0o1000) bits[8] = bits[8] === 'x' ? 't' : 'T';
  return kind + bits.join('');
};

/** Columns separated by a blank; `right` names those aligned right. The last is never padded. */
export const table = (
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  gap = ' ',
): string => {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows
    .map((row) => {
      const cells = row.map((cell, index) => {
        const width = widths[index] ?? 0;
        if (right.includes(index)) return cell.padStart(width);
        return index === row.length - 1 ? cell : cell.padEnd(width);
      });
      return `${cells.join(gap).trimEnd()}\n`;
    })
    .join('');
};

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const two = (value: number): string => String(value).padStart(2, '0');

/** As `ls -l`: the time, or the year for what is older than half a year. */
export const listTime = (ms: number, nowMs: number): string => {
  const at = new Date(ms);
  const day = `${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2)}`;
  if (nowMs - ms > 182 * 86_400_000 || ms > nowMs + 60_000) return `${day}  ${at.getUTCFullYear()}`;
  return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
};

/** `2026-11-24 17:33:12`. */
export const isoTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

/** `Tue 2026-11-24 17:33:12 UTC`, as systemd. */
export const systemdTime = (ms: number): string => `${DAYS[new Date(ms).getUTCDay()]} ${isoTime(ms)} UTC`;

/** `3min 12s ago`, as systemd. */
export const ago = (ms: number): string => {
  const s = Math.max(0, Math.floor(ms / 1000));
  const parts: [number, string, string][] = [
    [Math.floor(s / 86_400), 'day', 'days'],
    [Math.floor(s / 3600) % 24, 'h', 'h'],
    [Math.floor(s / 60) % 60, 'min', 'min'],
    [s % 60, 's', 's'],
  ];
  const shown = parts.filter(([value]) => value > 0).slice(0, 2);
  if (shown.length === 0) return '0s ago';
  return `${shown.map(([value, one, many]) => (one === 'day' ? `${value} ${value === 1 ? one : many}` : `${value}${one}`)).join(' ')} ago`;
};

/** `up 12 days,  3:04`, without the `up`. */
export const uptimeText = (seconds: number): string => {
  const minutes = Math.floor(seconds / 60);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor(minutes / 60) % 24;
  const clock = hours > 0 ? `${String(hours).padStart(2)}:${two(minutes % 60)}` : `${minutes % 60} min`;
  return days > 0 ? `${days} day${days === 1 ? '' : 's'}, ${clock}` : clock;
};
