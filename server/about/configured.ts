// The event that tells the record with which configuration the console started.
import { SERVER } from '../../protocol/actors.ts';
import type { NewEvent } from '../../protocol/events.ts';
import type { Config } from '../config/config.ts';
import { packageVersion } from '../config/package-root.ts';

export function configuredEvent({ access, policy, targets }: Config): NewEvent {
  const { signed, identityHeader } = access;
  const header = signed === undefined ? identityHeader : `${signed.header}, signed by ${signed.issuer},`;
  return {
    kind: 'configured',
    version: packageVersion(),
    policy,
    targets: targets.all.map(({ name }) => name),
    ways_in: [
      ...(access.bearerToken === undefined
        ? []
        : [access.isOwnToken ? 'a token of its own' : 'the token of the environment']),
      ...access.trustedProxies.map((cidr) => `${header} from ${cidr}`),
    ],
    actor: SERVER,
  };
}
