// `breakglass report`: what happened, from the journal, as Markdown or as a page.
import type { Incidents } from '../protocol/alerts.ts';
import { type ConsoleAddress, get, getText } from './console-client.ts';
import { targetPath } from './default-target.ts';
import { CliError, EXIT } from './failure.ts';
import type { Room } from './surroundings.ts';

export interface ReportOptions {
  readonly session: string | undefined;
  readonly target: string | undefined;
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly html: boolean;
}

export async function report(
  address: ConsoleAddress,
  options: ReportOptions,
  { print }: Pick<Room, 'print'>,
  nowMs: number = Date.now(),
): Promise<void> {
  const text = await getText(address, await pathOf(address, options, nowMs));
  print(text.replace(/\n$/, ''));
}

async function pathOf(
  address: ConsoleAddress,
  { session, target, since, until, html }: ReportOptions,
  nowMs: number,
): Promise<string> {
  const format = html ? { format: 'html' } : {};
  if (target !== undefined) {
    if (session !== undefined) throw new CliError('Expected a session or --target, not both.', EXIT.usage);
    const query = new URLSearchParams({
      ...format,
      ...(since === undefined ? {} : { since: timeOf(since, nowMs) }),
      ...(until === undefined ? {} : { until: timeOf(until, nowMs) }),
    });
    return `${targetPath(target)}/report?${query.toString()}`;
  }
  if (since !== undefined || until !== undefined)
    throw new CliError('--since and --until need --target.', EXIT.usage);
  const id = session ?? (await latestIncident(address));
  return `/api/session/${encodeURIComponent(id)}/report?${new URLSearchParams(format).toString()}`;
}

async function latestIncident(address: ConsoleAddress): Promise<string> {
  const { incidents } = await get<Incidents>(address, '/api/incidents');
  const [latest] = incidents.toSorted((a, b) => (a.opened_at < b.opened_at ? 1 : -1));
  if (latest !== undefined) return latest.session_id;
  throw new CliError(
    'There was no incident. Name a session (breakglass sessions), or --target with --since.',
  );
}

const MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30m`, `3h` and `2d` are so long ago; anything else is a time. */
function timeOf(text: string, nowMs: number): string {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const ms = count === undefined ? Date.parse(text) : nowMs - Number(count) * (MS[unit] ?? 0);
  if (Number.isFinite(ms)) return new Date(ms).toISOString();
  throw new CliError(
    `${JSON.stringify(text)} is not understood. Expected 30m, 3h, 2d, or a time such as 2026-11-27T02:00:00Z.`,
    EXIT.usage,
  );
}
