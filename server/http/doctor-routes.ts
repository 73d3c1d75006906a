// Doctor over HTTP: the last examination, a new one, ticks by which a client measures the way to itself, and a drill.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { DoctorBody, NoBody } from '../../protocol/bodies.ts';
import type { DoctorTick } from '../../protocol/doctor.ts';
import type { Doctor } from '../doctor/doctor.ts';
import type { Drills } from '../doctor/drill.ts';
import type { Targets } from '../targets/targets.ts';
import { actorOf } from './guard.ts';
import { parse, serve } from './route.ts';
import { plainFrame } from './sse.ts';
import type { Streams } from './streams.ts';

export interface DoctorRouteDeps {
  readonly doctor: Doctor;
  readonly drills: Drills;
  readonly targets: Targets;
  readonly streams: Streams;
}

/** Two seconds: enough to see heaps, and short enough to wait for. protocol/doctor-stream.ts judges them. */
const TICKS = 8;
const TICK_MS = 250;

export function doctorRoutes(
  app: FastifyInstance,
  { doctor, drills, targets, streams }: DoctorRouteDeps,
): void {
  serve(app, 'GET /api/doctor', async () => doctor.show());

  serve(app, 'POST /api/doctor', async (request) => {
    const { target } = parse(DoctorBody, request.body);
    return doctor.examine(actorOf(request), target === undefined ? undefined : targets.named(target).name);
  });

  serve(app, 'GET /api/doctor/stream', async (_request, reply) => {
    const client = streams.open(reply);
    const gone = new AbortController();
    client.onClose(() => gone.abort());
    for (let n = 1; n <= TICKS && !client.closed; n++) {
      const tick: DoctorTick = { kind: 'tick', n, of: TICKS, sent_at: new Date().toISOString() };
      client.send(plainFrame({ ...tick }));
      if (n < TICKS) await sleep(TICK_MS, undefined, { signal: gone.signal }).catch(() => undefined);
    }
    client.end();
  });

  serve(app, 'POST /api/targets/{target}/drill', async (request) => {
    parse(NoBody, request.body);
    return drills.drill(targets.named(request.params.target), actorOf(request));
  });
}
