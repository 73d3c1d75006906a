// Numbers and times in words. Pure.
export const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

export const duration = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

export const clockText = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3_600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
};

export const age = (atIso: string | null, nowMs: number): string => {
  if (atIso === null) return 'never read';
  const ms = nowMs - Date.parse(atIso);
  if (Number.isNaN(ms)) return 'age unknown';
  // The clocks of server and phone differ a little.
  return ms < 2_000
    ? 'now'
    : `${duration(ms < 10_000 ? Math.round(ms / 1_000) * 1_000 : ms).replace('.0', '')} ago`;
};

/** Shorter than `duration`: the largest unit only, and nothing below a minute. */
export const roughSpan = (ms: number): string => {
  const minutes = Math.floor(ms / 60_000);
  if (minutes >= 48 * 60) return `${Math.floor(minutes / (24 * 60))} days`;
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h`;
  return minutes >= 1 ? `${minutes} min` : 'less than a minute';
};

/** Shorter than `age`: the largest unit only. */
export const roughAge = (atIso: string | null, nowMs: number): string => {
  const ms = atIso === null ? 0 : nowMs - Date.parse(atIso);
  return ms >= 60_000 ? `${roughSpan(ms)} ago` : age(atIso, nowMs);
};

export const localTime = (atIso: string): string =>
  new Date(atIso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const shortTime = (atIso: string): string =>
  new Date(atIso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

/** The time of day, and the day where it is not today's. */
export const timeOfDay = (atIso: string, nowMs: number): string => {
  const at = new Date(atIso);
  const time = shortTime(atIso);
  if (at.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${at.toLocaleDateString([], { weekday: 'short', day: 'numeric', month: 'short' })}, ${time}`;
};

export const money = (usd: number): string => (usd > 0 && usd < 0.01 ? '< $0.01' : `$${usd.toFixed(2)}`);

/** Of what is stored or printed, in the units of a file manager. */
export const size = (bytes: number): string => {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const step = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** step;
  return `${step > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
};
