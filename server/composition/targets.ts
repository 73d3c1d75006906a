// All targets, from the configuration.
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Journal } from '../journal/port.ts';
import { createHostKeys } from '../targets/host-keys.ts';
import { createLookRoom } from '../targets/own-looks.ts';
import { createTarget } from '../targets/target.ts';
import { createTargets, type Targets } from '../targets/targets.ts';
import type { Ground } from './ground.ts';

export function makeTargets(
  config: Config,
  logger: Logger,
  { dataDir, ...ground }: Ground & { journal: Journal | undefined; controlDir: string | undefined },
): Targets {
  const defaultTarget = config.targets.all.find(({ name }) => name === config.targets.default);
  if (defaultTarget === undefined)
    throw new Error('unreachable: the configuration checked its default target');
  const hostKeys = createHostKeys();
  const lookRoom = createLookRoom();
  return createTargets(config.targets, (each) =>
    createTarget(each, {
      ...ground,
      defaultTarget,
      hostKeys,
      lookRoom,
      policy: config.policy,
      dataDir: dataDir.path,
      authSock: config.authSock,
      searchPath: config.searchPath,
      home: config.home,
      logger,
    }),
  );
}
