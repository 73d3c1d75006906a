// Alerts and incidents: what a monitor sends, what it is answered, and what the page shows of an incident. The bodies of Alertmanager and
// Uptime Kuma are theirs, so what is not read of them is let through.
import { z } from 'zod';
import { instant, mutatingVerb, sessionId, targetName, type Wire } from './wire.ts';

const LABELS = 'labels: expected an object of texts';
const labels = z.record(z.string(), z.string({ error: LABELS }), { error: LABELS });

const STATUS = 'status: expected firing or resolved';
const alertStatus = z.enum(['firing', 'resolved'], { error: STATUS });

/** Webhook of Alertmanager, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
export const AlertmanagerBody = z.looseObject(
  {
    alerts: z
      .array(
        z.looseObject({
          status: alertStatus,
          labels,
          annotations: labels.optional(),
          fingerprint: z.string().optional(),
        }),
        { error: 'alerts: expected the list of a webhook of Alertmanager (version 4)' },
      )
      .describe('each with `status` (`firing` or `resolved`), `labels`, `annotations`, `fingerprint`'),
    truncatedAlerts: z
      .int()
      .nonnegative()
      .optional()
      .describe('how many more there are, that Alertmanager left out (`max_alerts`)'),
  },
  { error: 'expected the JSON of a webhook of Alertmanager (version 4)' },
);
export type AlertmanagerBody = z.output<typeof AlertmanagerBody>;

const text = z.string().nullish();

/** Webhook of Uptime Kuma with its preset body: `{heartbeat, monitor, msg}`. A test message has no heartbeat. */
export const UptimeKumaBody = z.looseObject(
  {
    heartbeat: z
      .looseObject(
        { status: z.int({ error: 'heartbeat.status: expected 0 to 3' }).min(0).max(3), msg: text },
        { error: 'heartbeat: expected the heartbeat of Uptime Kuma, or null in a test message' },
      )
      .nullable()
      .describe('`status`: 0 down, 1 up, 2 pending, 3 maintenance. Null in a test message'),
    monitor: z
      .looseObject({
        id: z.union([z.int(), z.string()]).nullish(),
        name: text,
        type: text,
        hostname: text,
        url: text,
        tags: z.array(z.looseObject({ name: text, value: text })).nullish(),
      })
      .nullish(),
    msg: text,
  },
  { error: 'expected the JSON of a webhook of Uptime Kuma (request body: preset, application/json)' },
);
export type UptimeKumaBody = z.output<typeof UptimeKumaBody>;

const A_TITLE = 'title: expected a few words for what is wrong';

export const GenericAlertBody = z.strictObject(
  {
    title: z
      .string({ error: A_TITLE })
      .refine((title) => title.trim() !== '', { error: A_TITLE })
      .describe('a few words for what is wrong'),
    status: alertStatus,
    fingerprint: z
      .string({ error: 'fingerprint: expected a text' })
      .min(1, { error: 'fingerprint: must not be empty' })
      .optional()
      .describe('the same for the same trouble, also when it is resolved; absent: title, target and labels'),
    target: z.string({ error: 'target: expected the name of a target' }).optional(),
    labels: labels.optional(),
    detail: z.string({ error: 'detail: expected a text' }).optional(),
  },
  { error: 'expected an object with title and status, and perhaps fingerprint, target, labels and detail' },
);
export type GenericAlertBody = z.output<typeof GenericAlertBody>;

export const AlertsTaken = z
  .object({
    incidents: z
      .array(z.object({ incident_id: z.guid(), session_id: sessionId, target: targetName }))
      .describe('to which they belong; none: there was nothing to open'),
    unmapped: z.int().describe('how many mean no target; the first is noted in the journal'),
    detail: z.string().describe('a sentence for a person'),
  })
  .meta({ id: 'AlertsTaken', description: 'It is on disk. What arrives twice is recorded once.' });
export type AlertsTaken = Wire<typeof AlertsTaken>;

const AgentLooks = z.enum(['looks', 'not-configured', 'nothing-to-look-with', 'unavailable']);

export const Incident = z
  .object({
    incident_id: z.guid(),
    session_id: sessionId,
    target: targetName,
    title: z.string().describe('of the alert that opened it; text from outside'),
    source: z.string().describe('who sent it'),
    opened_at: instant,
    firing: z.int().describe('alerts that fire'),
    resolved: z.int().describe('alerts that were resolved'),
    counted: z.int().describe('alerts beyond those: only counted, because there are too many'),
    verdict: z
      .object({
        at: instant,
        detail: z.string(),
        advised: mutatingVerb.nullable().describe('never pressed by the console itself'),
        agent: AgentLooks,
      })
      .exactOptional()
      .describe('absent: triage has not ended yet'),
    closed: z.object({ at: instant, by: z.string() }).exactOptional().describe('absent: it is open'),
  })
  .meta({ id: 'Incident' });
export type Incident = Wire<typeof Incident>;

export const Incidents = z
  .object({
    incidents: z.array(Incident).describe('the open ones first, then newest first; at most 100'),
    unmapped: z
      .array(z.object({ at: instant, source: z.string(), title: z.string(), why: z.string() }))
      .describe(
        'the last alerts that mean no target, newest first; at most 20, since the start of the console',
      ),
  })
  .meta({ id: 'Incidents' });
export type Incidents = Wire<typeof Incidents>;

/** The open incident of a target, as its state tells it. */
export const OpenIncident = Incident.pick({
  incident_id: true,
  session_id: true,
  title: true,
  opened_at: true,
}).meta({ id: 'OpenIncident' });
export type OpenIncident = Wire<typeof OpenIncident>;
