// What can be asked of a report.
import { z } from 'zod';

const FORMAT = 'format: expected markdown or html';
const format = z.enum(['markdown', 'html'], { error: FORMAT }).optional().describe('absent: `markdown`');

export const ReportQuery = z.object({ format });

const A_TIME = (name: string): string => `${name}: expected a time such as 2026-11-27T02:00:00Z`;
const time = (name: string) =>
  z.iso
    .datetime({ offset: true, error: A_TIME(name) })
    .optional()
    .describe('UTC or with an offset, ISO 8601');

export const TargetReportQuery = z.object({
  format,
  since: time('since').describe('absent: 24 hours before `until`'),
  until: time('until').describe('absent: now'),
});
