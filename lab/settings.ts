// What the environment asks of the lab. Everything else in it goes to the console untouched.
import { randomBytes } from 'node:crypto';
import { findScenario, SCENARIOS } from './scenarios/catalog.ts';
import { diskFull } from './scenarios/disk-full.ts';
import type { Scenario } from './scenarios/scenario.ts';

export class SettingsError extends Error {}

export interface LabSettings {
  readonly scenario: Scenario;
  readonly port: string;
  readonly token: string;
  /** Given by the user; else a temporary one that goes with the lab. */
  readonly dataDir: string | undefined;
  /** The user's own endpoint instead of the rehearsal model: only with both variables. */
  readonly ownModel: boolean;
  readonly env: Readonly<Record<string, string>>;
}

export function readSettings(env: NodeJS.ProcessEnv, argv: readonly string[]): LabSettings {
  if (argv.includes('--qemu'))
    throw new SettingsError(
      '--qemu: the lab on a real QEMU is not built yet. Run without it for the simulated machine.',
    );
  if (argv[0] !== undefined)
    throw new SettingsError(
      `${argv[0]}: not understood. The lab takes its settings from the environment; see the README.`,
    );
  const name = env['BREAKGLASS_LAB_SCENARIO'] || 'disk-full';
  const scenario = name === 'disk-full' ? disguised(env) : findScenario(name);
  if (scenario === undefined)
    throw new SettingsError(
      `BREAKGLASS_LAB_SCENARIO: ${JSON.stringify(name)} is not understood. Expected ${SCENARIOS.map((one) => one.name).join(' or ')}.`,
    );
  const given = Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
  return {
    scenario,
    port: given['BREAKGLASS_PORT'] ?? '8080',
    token: given['API_BEARER_TOKEN'] ?? randomBytes(16).toString('hex'),
    dataDir: given['BREAKGLASS_DATA_DIR'],
    ownModel: given['ANTHROPIC_BASE_URL'] !== undefined && given['ANTHROPIC_API_KEY'] !== undefined,
    env: given,
  };
}

/** The same drill with another culprit, for those who know the first one by heart. */
function disguised(env: NodeJS.ProcessEnv): Scenario {
  const path = env['BREAKGLASS_LAB_FULL_PATH'];
  const unit = env['BREAKGLASS_LAB_FAILED_UNIT'];
  return diskFull({ ...(path ? { path } : {}), ...(unit ? { unit } : {}) });
}
