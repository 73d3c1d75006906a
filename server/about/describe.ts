// What the page asks for at load: who am I, what can this console do, which targets are there.
import type { Me } from '../../protocol/me.ts';
import type { Guest, Identity, Member } from '../access/identity.ts';
import type { Config } from '../config/config.ts';
import { hasKeys } from './warnings.ts';

export interface Described {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** Why there are no sessions and no agent; undefined when there are. */
  readonly whyPowerOnly: string | undefined;
  /** Why nothing can be recorded now; undefined while it can, and where there is no journal at all. */
  readonly whyNotRecorded: () => string | undefined;
  readonly agentUnavailable: () => string | undefined;
  /** What is wrong now with the journal, or with the audit log's way off this machine. */
  readonly recordWarnings: () => readonly string[];
}

export const describe =
  (described: Described) =>
  (identity: Identity): Me =>
    identity.role === 'guest' ? forGuest(described, identity) : forMember(described, identity);

/** Of one session and its target, and of nothing else that this console is or has. */
function forGuest({ config, whyPowerOnly, agentUnavailable }: Described, guest: Guest): Me {
  const target = config.targets.all.find(({ name }) => name === guest.target);
  const { name, how, role, session, endsAt } = guest;
  return {
    name,
    how,
    role,
    watches: { session_id: session, ends_at: new Date(endsAt).toISOString() },
    mode: whyPowerOnly === undefined ? 'full' : 'power-only',
    lab: config.lab,
    policy: { mode: config.policy },
    agent: {
      available: whyPowerOnly === undefined && agentUnavailable() === undefined,
      model: config.agent.model,
    },
    target: { name: guest.target },
    targets: [{ name: guest.target, ...(target?.title === undefined ? {} : { title: target.title }) }],
    warnings: [],
    keys: { present: hasKeys(config) },
  };
}

const forMember = (
  { config, warnings, whyPowerOnly, agentUnavailable, whyNotRecorded, recordWarnings }: Described,
  { name, how, role }: Member,
): Me => {
  const agentWhy = whyPowerOnly ?? agentUnavailable();
  const notRecorded = whyNotRecorded();
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
    ...(notRecorded === undefined ? {} : { journal: { writes: false, why: notRecorded } }),
    keys: { present: hasKeys(config) },
  };
};
