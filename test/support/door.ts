// Access for tests: the real thing, with a token and perhaps trusted proxies.
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { type AccessConfig, createDoor, type Door, type DoorParts } from '../../server/access/door.ts';

export function testDoor(
  config: Partial<AccessConfig>,
  parts: Partial<Omit<DoorParts, 'config'>> = {},
): Door {
  const door = createDoor({
    config: {
      bearerToken: undefined,
      trustedProxies: [],
      identityHeader: 'x-authentik-username',
      signed: undefined,
      observers: undefined,
      publicUrls: [],
      ...config,
    },
    dataDir: undefined,
    journal: undefined,
    logger: pino({ level: 'silent' }),
    ...parts,
  });
  onTestFinished(() => door.close());
  return door;
}
