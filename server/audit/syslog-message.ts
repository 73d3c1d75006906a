// An audit record as messages of RFC 5424, each in a frame that says its length (RFC 6587, RFC 5425). The text is the record as JSON in
// ASCII: whatever a model or a log line brought with it cannot begin another message, reach a terminal or turn a line around. A record
// longer than a message is several messages, none of it is left out (docs/decisions/0014).
import { createHash } from 'node:crypto';
import type { AuditRecord } from './record.ts';

/** Receivers cut silently: rsyslog and syslog-ng take 8 KiB unless told otherwise. Header and structured data are within it. */
const MESSAGE_BYTES = 8_192;
/** The header and the structured data of ours, with every part bounded below. */
const HEAD_BYTES = 1_024;
const PART_BYTES = MESSAGE_BYTES - HEAD_BYTES;

/** Log audit. https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1 */
const FACILITY = 13;
const SEVERITY = { warning: 4, notice: 5 } as const;

export interface SyslogOrigin {
  readonly hostname: string;
  readonly pid: number;
}

/** The frames of one record, to be written one after the other. */
export function syslogFrames(record: AuditRecord, origin: SyslogOrigin): Buffer {
  const json = asciiJson(record);
  const parts = Math.max(1, Math.ceil(json.length / PART_BYTES));
  const whole =
    parts === 1
      ? {}
      : { bytes: String(json.length), sha256: createHash('sha256').update(json).digest('hex') };
  const frames = Array.from({ length: parts }, (_, index) => {
    const data = structuredData({
      key: record.key,
      event: record.event,
      actor: `${record.actor.type}:${record.actor.name}`,
      ...(record.target === undefined ? {} : { target: record.target }),
      part: `${index + 1}/${parts}`,
      ...whole,
    });
    const text = json.slice(index * PART_BYTES, (index + 1) * PART_BYTES);
    const head = `<${FACILITY * 8 + severityOf(record)}>1 ${record.at} ${word(origin.hostname, 255)} breakglass ${origin.pid} ${word(record.event, 32)}`;
    const message = `${head} ${data} ${text}`;
    return `${message.length} ${message}`;
  });
  return Buffer.from(frames.join(''), 'latin1');
}

function severityOf({ event, what, state }: AuditRecord): number {
  const bad = (event === 'access' && what === 'refused') || (event === 'verb-ended' && state !== 'succeeded');
  return bad ? SEVERITY.warning : SEVERITY.notice;
}

/** JSON in printable ASCII; reading it gives the same value. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A word of the header: printable ASCII without a space, bounded. */
function word(text: string, length: number): string {
  const clean = text.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, length);
  return clean === '' ? '-' : clean;
}

/** 32473 is the number that RFC 5612 keeps for those who have none of their own. */
const structuredData = (values: Readonly<Record<string, string>>): string =>
  `[breakglass@32473 ${Object.entries(values)
    .map(([name, value]) => `${name}="${dataValue(value)}"`)
    .join(' ')}]`;

/** Bounded before it is escaped, since an escape must not be cut. https://www.rfc-editor.org/rfc/rfc5424#section-6.3.3 */
const dataValue = (text: string): string =>
  text
    .slice(0, 128)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\\]]/g, (character) => `\\${character}`);
