// A doctor for tests that are about something else: the real one, with no links to look at and nothing to close.
import pino from 'pino';
import type { Examination } from '../../protocol/doctor.ts';
import { type Doctor, startDoctor } from '../../server/doctor/doctor.ts';
import { createDrills, type Drills } from '../../server/doctor/drill.ts';

/** @param last what it found before its start */
export function quietDoctor(last?: Examination): { readonly doctor: Doctor; readonly drills: Drills } {
  const doctor = startDoctor({
    chains: () => [],
    targets: [],
    kept: { read: () => last, write: () => undefined },
    journal: undefined,
    everyHours: undefined,
    logger: pino({ level: 'silent' }),
  });
  return {
    doctor,
    drills: createDrills({
      examine: (by) => doctor.examine(by),
      notify: undefined,
      journal: undefined,
      onNotRecorded: () => undefined,
    }),
  };
}
