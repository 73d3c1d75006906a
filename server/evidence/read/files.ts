// A file of a bundle as a reading: what the host's manifest says of the step that made it decides whether its text counts. A step
// that timed out is not known, however much of it came. Pure.
import type { EvidenceManifest, EvidenceStep } from '../../../protocol/evidence.ts';
import { notAsked, type Reading, tooLate, type Unread, unreadable } from '../../triage/reading.ts';

/** A file's path inside the bundle's directory → its text. */
export type TextFiles = ReadonlyMap<string, string>;

export interface Bundle {
  readonly files: TextFiles;
  readonly manifest: EvidenceManifest | undefined;
}

const USED_UP = /time was used up|no time left|not awaited/;

export const stepOf = ({ manifest }: Bundle, name: string): EvidenceStep | undefined =>
  manifest?.steps.find((step) => step.name === name);

/** Why a step's result is not there; undefined where nothing speaks against it. */
export function whyUnread(step: EvidenceStep | undefined): Unread | undefined {
  if (step === undefined) return undefined;
  switch (step.status) {
    case 'timeout': {
      const why = `${step.name}: ${step.why ?? `its limit passed after ${step.ms ?? '?'} ms`}`;
      // Time that others used up: it was never asked.
      return USED_UP.test(step.why ?? '') ? notAsked(why) : tooLate(why);
    }
    case 'skipped':
      return notAsked(`${step.name}: ${step.why ?? 'left out'}`);
    case 'ok':
    case 'error':
      return undefined;
    default:
      return step.status satisfies never;
  }
}

interface HowToRead {
  /** `<name>.txt` unless said otherwise. */
  readonly file?: string;
  /** Its error is an answer too, as the exit code of a ping. */
  readonly errorsTell?: boolean;
  /** The host keeps its end: a full cap cuts off what is old. */
  readonly tail?: boolean;
}

/** @param name of the step */
export function fileReading(
  bundle: Bundle,
  name: string,
  { file = `${name}.txt`, errorsTell = false, tail = false }: HowToRead = {},
): Reading<string> {
  const step = stepOf(bundle, name);
  const unread = whyUnread(step);
  if (unread !== undefined) return unread;
  const text = bundle.files.get(file);
  if (step?.status === 'error' && !errorsTell)
    return unreadable(`${name}: ${step.why ?? 'failed'}${text === undefined ? '' : `, ${firstLine(text)}`}`);
  if (text === undefined) {
    if (step === undefined) return notAsked(`${name}: not in the bundle`);
    return unreadable(`${name}: the bundle lacks its file`);
  }
  // What a cut-off transfer left of it. Longer is possible: what is no UTF-8 takes more room as text.
  if (step?.bytes !== undefined && Buffer.byteLength(text) < step.bytes && text.length < READ_CHARACTERS)
    return unreadable(`${name}: only ${Buffer.byteLength(text)} of ${step.bytes} bytes came`);
  if (step?.truncated === true && !tail) return unreadable(`${name}: cut at its cap on the host`);
  return { is: 'known', value: text };
}

/** A text is read up to here: see record.ts. */
export const READ_CHARACTERS = 2 * 1024 * 1024;

const firstLine = (text: string): string => text.trimStart().split('\n', 1)[0]?.slice(0, 200) ?? '';
