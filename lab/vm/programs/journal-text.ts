// One journal entry as a line, and times as people write them.

import type { Call } from '../call.ts';
import { syslogStamp } from '../state/boot-log.ts';
import type { JournalEntry } from '../state/journal.ts';
import { systemdTime } from './format.ts';

export const entryText = (entry: JournalEntry, hostname: string, format: string): string => {
  const who = `${entry.ident}${entry.pid === undefined ? '' : `[${entry.pid}]`}`;
  if (format === 'cat') return `${entry.message}\n`;
  if (format === 'json')
    return `${JSON.stringify({ __REALTIME_TIMESTAMP: String(entry.atMs * 1000), _HOSTNAME: hostname, SYSLOG_IDENTIFIER: entry.ident, _PID: entry.pid === undefined ? undefined : String(entry.pid), PRIORITY: String(entry.priority), _SYSTEMD_UNIT: entry.unit, MESSAGE: entry.message })}\n`;
  const stamp = format.startsWith('short-iso')
    ? `${new Date(entry.atMs).toISOString().slice(0, 19)}+0000`
    : format === 'short-full'
      ? systemdTime(entry.atMs)
      : format === 'short-precise'
        ? `${syslogStamp(entry.atMs)}.${String(entry.atMs % 1000).padStart(3, '0')}000`
        : syslogStamp(entry.atMs);
  return `${stamp} ${hostname} ${who}: ${entry.message}\n`;
};

/** `2 hours ago`, `-1h`, `today`, `2026-11-24 10:00`. */
export const timeOf = (call: Call, text: string): number | undefined => {
  const now = call.guest.now();
  const midnight = now - (now % 86_400_000);
  if (text === 'today') return midnight;
  if (text === 'yesterday') return midnight - 86_400_000;
  if (text === 'now') return now;
  const spans = [
    ...text.matchAll(/(\d+)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)\b/g),
  ];
  if (spans.length > 0 && (/\bago\b/.test(text) || text.startsWith('-')))
    return (
      now -
      spans.reduce(
        (sum, [, amount, unit = '']) =>
          sum +
          Number(amount) * ({ s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit[0] ?? 's'] ?? 1) * 1000,
        0,
      )
    );
  const time = /^\d{1,2}:\d{2}(:\d{2})?$/.test(text)
    ? Date.parse(`${new Date(midnight).toISOString().slice(0, 10)}T${text.padStart(5, '0')}Z`)
    : Date.parse(`${text.replace(' ', 'T')}${text.length > 10 ? '' : 'T00:00'}Z`);
  return Number.isNaN(time) ? undefined : time;
};
