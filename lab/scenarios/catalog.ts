// The drills that the lab knows.
import { diskFull } from './disk-full.ts';
import { ioStall } from './io-stall.ts';
import type { Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [diskFull(), ioStall()];

export const findScenario = (name: string): Scenario | undefined =>
  SCENARIOS.find((scenario) => scenario.name === name);
