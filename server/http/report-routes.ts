// The report of an incident over HTTP: of one session, or of one target in a span of time, as Markdown or as a page of its own.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { BreakglassError } from '../../protocol/problems.ts';
import { ReportQuery, TargetReportQuery } from '../../protocol/report.ts';
import type { Journal } from '../journal/port.ts';
import type { ReportDocument } from '../report/document.ts';
import { ofSession, ofTarget } from '../report/gather.ts';
import { REPORT_POLICY, toHtml } from '../report/html.ts';
import { incidentReport } from '../report/incident-report.ts';
import { toMarkdown } from '../report/markdown.ts';
import type { SessionRef } from '../sessions/sessions.ts';
import type { Targets } from '../targets/targets.ts';
import { parse, serve } from './route.ts';

export interface ReportRouteDeps {
  /** Throws `power-only` where there is none. */
  readonly journal: () => Journal;
  /** Throws `unknown-session`. */
  readonly known: (id: string) => Promise<SessionRef>;
  readonly targets: Targets;
}

const A_DAY_MS = 24 * 3_600_000;

export function reportRoutes(app: FastifyInstance, { journal, known, targets }: ReportRouteDeps): void {
  serve(app, 'GET /api/session/{id}/report', async (request, reply) => {
    const session = await known(request.params.id);
    const { format } = parse(ReportQuery, request.query);
    const gathered = await ofSession(journal(), session);
    return send(reply, incidentReport(gathered, { type: 'session', id: session.id }), format);
  });

  serve(app, 'GET /api/targets/{target}/report', async (request, reply) => {
    const target = targets.named(request.params.target).name;
    const { format, since, until } = parse(TargetReportQuery, request.query);
    const untilMs = until === undefined ? Date.now() : Date.parse(until);
    const sinceMs = since === undefined ? untilMs - A_DAY_MS : Date.parse(since);
    if (sinceMs > untilMs)
      throw new BreakglassError('invalid-input', 'since: expected a time that is not after until');
    const gathered = await ofTarget(journal(), { target, sinceMs, untilMs });
    const span = { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
    return send(reply, incidentReport(gathered, { type: 'span', ...span }), format);
  });
}

function send(
  reply: FastifyReply,
  report: ReportDocument,
  format: 'markdown' | 'html' | undefined,
): FastifyReply {
  if (format === 'html')
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', REPORT_POLICY)
      .send(toHtml(report));
  return reply.type('text/markdown; charset=utf-8').send(toMarkdown(report));
}
