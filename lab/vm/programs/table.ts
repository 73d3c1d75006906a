// Every program of ours. Each is exported under its own name, where that can be one.
import * as disk from './disk.ts';
import * as journal from './journalctl.ts';
import * as list from './list.ts';
import * as network from './network.ts';
import * as processes from './processes.ts';
import type { Program } from './program.ts';
import * as system from './system.ts';
import * as units from './systemctl.ts';

const named = { ...disk, ...journal, ...list, ...network, ...processes, ...system, ...units };

export const PROGRAMS: Readonly<Record<string, Program>> = {
  ...named,
  'apt-get': disk.aptGet,
  'systemd-cgtop': units.cgtop,
};
