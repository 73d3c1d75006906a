// Notifications with no way out of the machine: the real ones, of a console where nothing is set up.
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { Journal } from '../../server/journal/port.ts';
import { type Notify, startNotify } from '../../server/notify/notify.ts';
import { tempDir } from './temp-dir.ts';

export function quietNotify(journal: Journal): Notify {
  const notify = startNotify({
    config: {
      push: { contact: undefined, local: false },
      ntfy: undefined,
      webhook: undefined,
      turnMs: 60_000,
      publicUrl: undefined,
    },
    dataDir: tempDir(),
    journal,
    stands: () => true,
    askViewers: () => 0,
    logger: pino({ level: 'silent' }),
  });
  onTestFinished(() => notify.close());
  return notify;
}
