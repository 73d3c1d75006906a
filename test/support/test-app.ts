// The app for tests of its routes, over real parts that the test chooses. What a test does not care about has one place here.
import pino from 'pino';
import { alertsOver } from '../../server/alerts/alerts.fixture.ts';
import { type AppDeps, buildApp } from '../../server/http/app.ts';
import type { Journal } from '../../server/journal/port.ts';
import { quietDoctor } from './quiet-doctor.ts';
import { quietNotify } from './quiet-notify.ts';

export type TestApp = Pick<AppDeps, 'door' | 'conversation' | 'targets'> &
  Partial<AppDeps> & { readonly journal: Journal };

export const testApp = ({ journal, ...parts }: TestApp): ReturnType<typeof buildApp> =>
  buildApp({
    whyPowerOnly: undefined,
    alerts: alertsOver(journal, parts.targets),
    notify: quietNotify(journal),
    ...quietDoctor(),
    describe: ({ name, how, role }) => ({ name, how, role }) as never,
    verbTimeoutMs: 1_000,
    keepaliveMs: 50,
    webDir: '/does/not/exist',
    tls: undefined,
    logger: pino({ level: 'silent' }),
    ...parts,
  });
