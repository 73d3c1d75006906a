// Readings of a target whose SSH is asked by a function of the test, and whose host nobody has asked.
import type { Guest } from '../../server/guest/port.ts';
import type { Readings } from '../../server/readings/readings.ts';

export const hearing = (probe: Guest['probe']): Readings => ({
  refresh: async () => {},
  refreshHost: async () => {},
  askAnew: async () => {},
  askedSince: () => undefined,
  host: () => undefined,
  ssh: () => undefined,
  sshNow: () => ({ reading: 'unknown', detail: 'not asked yet' }),
  noteHost: () => {},
  probeSsh: probe,
});
