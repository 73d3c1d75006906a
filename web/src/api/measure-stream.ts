// Whether event streams come through to this browser: only whoever receives the ticks can tell, for it is the edge in between that keeps
// them back.
import type { DoctorTick } from '../../../protocol/doctor.ts';
import { type Arrival, streamVerdict } from '../../../protocol/doctor-stream.ts';
import type { Measured } from '../state/doctor-words.ts';
import { readEventStream } from './event-stream.ts';
import { asApiError } from './http.ts';

// The console sends a few ticks, 250 ms apart. An edge that delivers them later than this keeps them back.
const PATIENCE_MS = 15_000;

export const measureStream = async (signal: AbortSignal): Promise<Measured> => {
  const arrivals: Arrival[] = [];
  let of = 0;
  let open = false;
  let late = false;
  const giveUp = new AbortController();
  const leave = () => giveUp.abort();
  signal.addEventListener('abort', leave);
  const patience = setTimeout(() => {
    late = true;
    leave();
  }, PATIENCE_MS);
  try {
    await readEventStream('/api/doctor/stream', {
      signal: giveUp.signal,
      onOpen: () => {
        open = true;
      },
      onFrame: ({ data }) => {
        const tick = JSON.parse(data) as DoctorTick;
        of = tick.of;
        arrivals.push({ sentAtMs: Date.parse(tick.sent_at), receivedAtMs: performance.now() });
      },
    });
  } catch (error) {
    // A console that refuses, or cannot be reached, says nothing about streams.
    if (!open && !late)
      return { state: 'not-checked', detail: `It could not be measured here: ${asApiError(error).message}` };
  } finally {
    clearTimeout(patience);
    signal.removeEventListener('abort', leave);
  }
  return streamVerdict(arrivals, of);
};
