// What the page asks for at load: who am I, what can this console do, which targets are there.
import type { Me } from '../../protocol/me.ts';
import type { Identity } from '../access/identity.ts';
import type { Config } from '../config/config.ts';
import { hasKeys } from './warnings.ts';

export interface Described {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** Why there are no sessions and no agent; undefined when there are. */
  readonly whyPowerOnly: string | undefined;
  readonly agentUnavailable: () => string | undefined;
  /** What is wrong now with the journal, or with the audit log's way off this machine. */
  readonly recordWarnings: () => readonly string[];
}

export const describe =
  ({ config, warnings, whyPowerOnly, agentUnavailable, recordWarnings }: Described) =>
  ({ name, how, role }: Identity): Me => {
    const agentWhy = whyPowerOnly ?? agentUnavailable();
    return {
      name,
      how,
      role,
      mode: whyPowerOnly === undefined ? 'full' : 'power-only',
      ...(whyPowerOnly === undefined ? {} : { why: whyPowerOnly }),
      lab: config.lab,
      policy: { mode: config.policy },
      agent: {
        available: agentWhy === undefined,
        ...(agentWhy === undefined ? {} : { why: agentWhy }),
        model: config.agent.model,
      },
      target: { name: config.targets.default },
      targets: config.targets.all.map((target) => ({
        name: target.name,
        ...(target.title === undefined ? {} : { title: target.title }),
      })),
      warnings: [...warnings, ...recordWarnings()],
      keys: { present: hasKeys(config) },
    };
  };
