// A doctor for tests that are about something else: the real one, with no links to look at and nothing to close.
import pino from 'pino';
import { type Doctor, startDoctor } from '../../server/doctor/doctor.ts';
import { createDrills, type Drills } from '../../server/doctor/drill.ts';

export function quietDoctor(): { readonly doctor: Doctor; readonly drills: Drills } {
  const doctor = startDoctor({
    chains: () => [],
    targets: [],
    kept: { read: () => undefined, write: () => undefined },
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
