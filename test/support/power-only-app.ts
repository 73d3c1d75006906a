// The app as it is without a journal: power and nothing else.
import pino from 'pino';
import { type AppDeps, buildApp } from '../../server/http/app.ts';
import { quietDoctor } from './quiet-doctor.ts';

export const powerOnlyApp = (
  parts: Pick<AppDeps, 'door' | 'targets'> & Partial<Pick<AppDeps, 'alerts' | 'doctor'>>,
): ReturnType<typeof buildApp> =>
  buildApp({
    alerts: undefined,
    notify: undefined,
    ...quietDoctor(),
    conversation: undefined,
    whyPowerOnly: 'the journal is damaged',
    describe: () => {
      throw new Error('not asked for');
    },
    verbTimeoutMs: 1_000,
    keepaliveMs: 1_000,
    webDir: '/does/not/exist',
    tls: undefined,
    logger: pino({ level: 'silent' }),
    ...parts,
  });
