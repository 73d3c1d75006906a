// The drills that the lab knows.
import { backupLock } from './backup-lock.ts';
import { diskFull } from './disk-full.ts';
import { hibernated } from './hibernated.ts';
import { ioStall } from './io-stall.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [diskFull(), ioStall(), backupLock(), hibernated()];

export const findScenario = (name: string): Scenario | undefined =>
  SCENARIOS.find((scenario) => scenario.name === name);
