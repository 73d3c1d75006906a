// What the environment asks of the lab. Everything else in it goes to the console untouched.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { FAULT_NAMES, type FaultName, findFault, isFaultName, machineFor } from './qemu/faults.ts';
import type { MachineKind } from './qemu/kernel.ts';
import { findScenario, SCENARIOS } from './scenarios/catalog.ts';
import { diskFull } from './scenarios/disk-full.ts';
import type { Scenario } from './scenarios/scenario.ts';

export class SettingsError extends Error {}

/** The simulated machine with a scenario, or a real QEMU in which something is broken once it has booted. */
export type Drill =
  | { readonly kind: 'simulated'; readonly scenario: Scenario }
  | { readonly kind: 'qemu'; readonly machine: MachineKind; readonly fault: FaultName | undefined };

export interface LabSettings {
  readonly drill: Drill;
  readonly name: string;
  readonly title: string;
  /** For the operator: what is broken and what to try. */
  readonly brief: string;
  readonly token: string;
  /** Given by the user, also by naming only the sessions directory; else a temporary one that goes with the lab. */
  readonly dataDir: string | undefined;
  /** The user says which targets there are: the lab adds no second one. */
  readonly describesTargets: boolean;
  /** Other devices of this network may come in. */
  readonly inNetwork: boolean;
  /** The user's own endpoint instead of the rehearsal model: only with both variables. */
  readonly ownModel: boolean;
  readonly env: Readonly<Record<string, string>>;
}

export function readSettings(env: NodeJS.ProcessEnv, argv: readonly string[]): LabSettings {
  const unknown = argv.find((argument) => argument !== '--qemu' && argument !== '--host');
  if (unknown !== undefined)
    throw new SettingsError(
      `${unknown}: not understood. The lab knows --qemu and --host, and takes its settings from the environment; see the README.`,
    );
  const inNetwork = argv.includes('--host');
  if (inNetwork && env['BREAKGLASS_BIND'])
    throw new SettingsError('--host and BREAKGLASS_BIND both say where to listen: use one of them.');
  const given = Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
  return {
    ...(argv.includes('--qemu') ? realDrill(env) : simulatedDrill(env)),
    token: given['API_BEARER_TOKEN'] ?? randomBytes(16).toString('hex'),
    dataDir: dataDirOf(given),
    describesTargets: TARGET_VARIABLES.some((name) => given[name] !== undefined),
    inNetwork,
    ownModel: given['ANTHROPIC_BASE_URL'] !== undefined && given['ANTHROPIC_API_KEY'] !== undefined,
    env: inNetwork ? { ...given, BREAKGLASS_BIND: '0.0.0.0' } : given,
  };
}

const TARGET_VARIABLES = [
  'BREAKGLASS_CONFIG',
  'BREAKGLASS_DEVVM_HOST',
  'BREAKGLASS_DEVVM_PORT',
  'BREAKGLASS_DEVVM_USER',
  'BREAKGLASS_DEVVM_OBSERVER_USER',
  'BREAKGLASS_PVE_HOST',
  'BREAKGLASS_PVE_PORT',
  'BREAKGLASS_PVE_USER',
  'BREAKGLASS_PVE_VMID',
];

/** As the console decides it (server/config): the data directory is beside the sessions. */
function dataDirOf(given: Readonly<Record<string, string>>): string | undefined {
  const { BREAKGLASS_DATA_DIR: data, BREAKGLASS_SESSIONS_DIR: sessions } = given;
  if (data !== undefined) return path.resolve(data);
  return sessions === undefined ? undefined : path.join(path.dirname(path.resolve(sessions)), 'data');
}

type Chosen = Pick<LabSettings, 'drill' | 'name' | 'title' | 'brief'>;

function simulatedDrill(env: NodeJS.ProcessEnv): Chosen {
  const name = env['BREAKGLASS_LAB_SCENARIO'] || 'disk-full';
  const scenario = name === 'disk-full' ? disguised(env) : findScenario(name);
  if (scenario === undefined)
    throw new SettingsError(
      `BREAKGLASS_LAB_SCENARIO: ${JSON.stringify(name)} is not understood. Expected one of ${SCENARIOS.map((one) => one.name).join(', ')}.`,
    );
  return {
    drill: { kind: 'simulated', scenario },
    name: scenario.name,
    title: scenario.title,
    brief: scenario.brief,
  };
}

function realDrill(env: NodeJS.ProcessEnv): Chosen {
  const fault = env['BREAKGLASS_LAB_FAULT'] || undefined;
  if (fault === undefined)
    return {
      drill: { kind: 'qemu', machine: 'virtio', fault },
      name: 'qemu',
      title: 'Real QEMU, nothing broken',
      brief: `BREAKGLASS_LAB_FAULT breaks something: ${FAULT_NAMES.join(', ')}.`,
    };
  if (!isFaultName(fault))
    throw new SettingsError(
      `BREAKGLASS_LAB_FAULT: ${JSON.stringify(fault)} is not understood. Expected one of ${FAULT_NAMES.join(', ')}.`,
    );
  return {
    drill: { kind: 'qemu', machine: machineFor(fault), fault },
    name: fault,
    title: `Real QEMU: ${fault}`,
    brief: findFault(fault).brief,
  };
}

/** The same drill with another culprit, for those who know the first one by heart. */
function disguised(env: NodeJS.ProcessEnv): Scenario {
  const full = env['BREAKGLASS_LAB_FULL_PATH'];
  const unit = env['BREAKGLASS_LAB_FAILED_UNIT'];
  return diskFull({ ...(full ? { path: full } : {}), ...(unit ? { unit } : {}) });
}
