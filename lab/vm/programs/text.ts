// How Debian's programs write sizes, times and tables, and read sizes.
const UNITS = ['', 'K', 'M', 'G', 'T'];

const scaled = (bytes: number): { value: number; unit: string } => {
  const at = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  return { value: bytes / 1024 ** at, unit: UNITS[at] ?? '' };
};
/** As df and ls: rounded up, one decimal below ten. */
export const human = (bytes: number): string => {
  const { value, unit } = scaled(bytes);
  const tenths = Math.ceil(value * 10) / 10;
  return `${unit !== '' && tenths < 10 ? tenths.toFixed(1) : Math.ceil(value)}${unit}`;
};
/** As free: `7.6Gi`. */
export const binary = (bytes: number): string => {
  const { value, unit } = scaled(bytes);
  return unit === '' ? `${value}B` : `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}i`;
};
/** As systemd: `24.0M`. */
export const decimal = (bytes: number): string => {
  const { value, unit } = scaled(bytes);
  return unit === '' ? `${value}B` : `${value.toFixed(1)}${unit}`;
};

/** Columns separated by a blank; `right` names those aligned right. */
export const table = (rows: readonly (readonly string[])[], right: readonly number[] = []): string => {
  const widths = rows.reduce<number[]>(
    (known, row) => row.map((cell, at) => Math.max(known[at] ?? 0, cell.length)),
    [],
  );
  const padded = (cell: string, at: number): string =>
    right.includes(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
  return rows.map((row) => `${row.map(padded).join(' ').trimEnd()}\n`).join('');
};

/** `2026-11-24 17:33:12`. */
export const isoTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
/** `Tue 2026-11-24 17:33:12 UTC`, as systemd. */
export const systemdTime = (ms: number): string =>
  `${new Date(ms).toUTCString().slice(0, 3)} ${isoTime(ms)} UTC`;
/** `Tue Nov 24 17:33:12 2026`, as dmesg -T. */
export const longTime = (ms: number): string =>
  new Date(ms).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/, '$1 $3 $2 $5 $4');
/** As `ls -l`: `Nov 24 17:33`, or `May  3  2025` for what is older than half a year. */
export const listTime = (ms: number, nowMs: number): string => {
  const [, month = '', day = '', time = '', year = ''] = longTime(ms).split(' ');
  const old = nowMs - ms > 182 * 86_400_000;
  return `${month} ${day.replace(/^0/, ' ')} ${old ? ` ${year}` : time.slice(0, 5)}`;
};
/** `3min 12s ago`, as systemd. */
export const ago = (ms: number): string => {
  const s = Math.max(0, Math.floor(ms / 1000));
  const days = Math.floor(s / 86_400);
  const parts = [`${Math.floor(s / 3600) % 24}h`, `${Math.floor(s / 60) % 60}min`, `${s % 60}s`];
  const shown = [`${days} day${days === 1 ? '' : 's'}`, ...parts].filter((part) => !/^0\D/.test(part));
  return `${shown.slice(0, 2).join(' ') || '0s'} ago`;
};
/** `01:02:03`. */
export const clock = (seconds: number): string =>
  [seconds / 3600, (seconds / 60) % 60, seconds % 60]
    .map((part) => String(Math.floor(part)).padStart(2, '0'))
    .join(':');
/** As ps: `41-05:17:03`. */
export const elapsed = (seconds: number): string => {
  const days = Math.floor(seconds / 86_400);
  const time = clock(seconds % 86_400);
  return days > 0 ? `${days}-${time}` : time.replace(/^00:/, '');
};

/** `10M`, `2G`, `512`, in bytes; undefined when it is no size. */
export const sizeOf = (text: string): number | undefined => {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([kKMGT]?)i?B?$/.exec(text) ?? [];
  return amount === undefined
    ? undefined
    : Number(amount) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ');
};
