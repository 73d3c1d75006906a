// Alerts and incidents over HTTP. The three ways to deliver are all that a token of the role `alerts` can do.
import type { FastifyInstance } from 'fastify';
import { AlertmanagerBody, GenericAlertBody, UptimeKumaBody } from '../../protocol/alerts.ts';
import { NoBody } from '../../protocol/bodies.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { Alerts } from '../alerts/alerts.ts';
import { fromAlertmanager, fromGeneric, fromUptimeKuma } from '../alerts/incoming.ts';
import { actorOf } from './guard.ts';
import { parse, serve } from './route.ts';

export interface AlertRouteDeps {
  /** Undefined in power-only mode. */
  readonly alerts: Alerts | undefined;
  readonly whyPowerOnly: string | undefined;
}

/** Alertmanager sends a whole group at once. */
const DELIVERS = { bodyLimit: 1024 * 1024, delivers: true } as const;

export function alertRoutes(app: FastifyInstance, deps: AlertRouteDeps): void {
  const room = (): Alerts => {
    if (deps.alerts !== undefined) return deps.alerts;
    throw new BreakglassError(
      'power-only',
      `Alerts cannot be recorded: ${deps.whyPowerOnly ?? 'the journal is not available'}. Send it again later. The power buttons work.`,
    );
  };

  serve(
    app,
    'POST /api/alerts/alertmanager',
    async ({ body }) => room().deliver(fromAlertmanager(parse(AlertmanagerBody, body))),
    DELIVERS,
  );
  serve(
    app,
    'POST /api/alerts/uptime-kuma',
    async ({ body }) => room().deliver(fromUptimeKuma(parse(UptimeKumaBody, body))),
    DELIVERS,
  );
  serve(
    app,
    'POST /api/alerts/generic',
    async ({ body }) => room().deliver(fromGeneric(parse(GenericAlertBody, body))),
    DELIVERS,
  );
  serve(app, 'GET /api/incidents', async () => room().list());
  serve(app, 'POST /api/incidents/{id}/close', async (request) => {
    parse(NoBody, request.body);
    return room().closeIncident(request.params.id.toLowerCase(), actorOf(request));
  });
}
