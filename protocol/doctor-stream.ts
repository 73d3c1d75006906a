// Whether the edge keeps event streams back, judged from the ticks of `GET /api/doctor/stream` by whoever received them: only there can it
// be seen. It is apart from the schemas because the page asks this too, and loads no schema.

export interface Arrival {
  /** By the server's clock. */
  readonly sentAtMs: number;
  /** By the clock of whoever received it. The two clocks are never compared, only spans of one with spans of the other. */
  readonly receivedAtMs: number;
}

export interface StreamVerdict {
  readonly state: 'works' | 'broken' | 'doubtful';
  readonly detail: string;
  readonly remedy?: string;
}

/** Of the pause between two ticks. What arrives closer together than this was kept back and let go at once; a busy machine is not. */
const TOGETHER = 1 / 5;

const LET_THROUGH =
  'Switch buffering off at the edge for this console: nginx `proxy_buffering off;`, Traefik and Caddy (`flush_interval -1`) without a buffering middleware.';

/** @param ticks in the order in which they arrived @param of how many were to come; 0: not even the first said it */
export function streamVerdict(ticks: readonly Arrival[], of: number): StreamVerdict {
  if (ticks.length === 0)
    return {
      state: 'broken',
      detail: `${of === 0 ? 'No tick' : `None of ${of} ticks`} arrived: event streams do not come through.`,
      remedy: `Look at the limits and the log of the edge for /api/doctor/stream. ${LET_THROUGH}`,
    };
  if (ticks.length < of)
    return {
      state: 'broken',
      detail: `${ticks.length} of ${of} ticks arrived: the stream was cut.`,
      remedy:
        'Let the edge keep a response open for at least a minute while nothing comes (nginx: `proxy_read_timeout 1h;`).',
    };
  const pauses = ticks.slice(1).map((tick, i) => {
    const before = ticks[i] ?? tick;
    return { sent: tick.sentAtMs - before.sentAtMs, received: tick.receivedAtMs - before.receivedAtMs };
  });
  const together = pauses.filter(({ sent, received }) => received < sent * TOGETHER).length;
  if (together * 3 > pauses.length * 2)
    return {
      state: 'broken',
      detail: `${of} ticks arrived in heaps (${pauses.length - together + 1}): the edge keeps event streams back.`,
      remedy: LET_THROUGH,
    };
  if (together * 4 > pauses.length)
    return {
      state: 'doubtful',
      detail: `${together + 1} of ${of} ticks did not arrive one by one: the edge, or the way to here, holds event streams up.`,
      remedy: `Measure again. If it stays so: ${LET_THROUGH}`,
    };
  return { state: 'works', detail: `${of} ticks arrived one by one.` };
}
