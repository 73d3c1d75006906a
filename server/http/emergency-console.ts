// What the emergency page says of the console itself: that nothing is recorded, the open incident of the target, and what doctor found the last
// time. The page depends on none of it: where one of them cannot say, its line is not there.
import type { OpenIncident } from '../../protocol/alerts.ts';
import type { Doctor, Link } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import { asText } from './emergency-html.ts';
import { shape } from './emergency-shape.ts';
import { ago } from './emergency-words.ts';

export interface ConsoleKnows {
  readonly doctor: () => Doctor;
  readonly openIncident: (target: TargetName) => OpenIncident | undefined;
  /** Why nothing is recorded now; undefined: it is. */
  readonly whyNotRecorded: () => string | undefined;
}

/** What is added to the state of a target, and the last look at all links; undefined: doctor could not say. */
export interface Told {
  readonly state: Pick<TargetState, 'incident' | 'journal'>;
  readonly doctor: Doctor | undefined;
}

export function toldOf(target: TargetName, knows: ConsoleKnows): Told {
  const incident = orNothing(() => knows.openIncident(target));
  const why = orNothing(knows.whyNotRecorded);
  return {
    state: {
      ...(incident === undefined ? {} : { incident }),
      ...(why === undefined ? {} : { journal: { writes: false, why } }),
    },
    doctor: orNothing(knows.doctor),
  };
}

function orNothing<T>(say: () => T): T | undefined {
  try {
    return say();
  } catch {
    return undefined;
  }
}

export const journalBody = ({ journal }: TargetState): string =>
  journal === undefined
    ? ''
    : `<p>${shape('warn')}<strong>Nothing is recorded here:</strong> ${asText(journal.why.replace(/\.$/, ''))}. The verbs work.</p>\n`;

/** Its report is a page without JavaScript. */
export const incidentBody = ({ incident }: TargetState, nowMs: number): string =>
  incident === undefined
    ? ''
    : `<p class="box"><strong>Open incident:</strong> ${asText(incident.title)} <small>${ago(incident.opened_at, nowMs)}</small><br><a href="/api/session/${incident.session_id}/report?format=html">Its report</a></p>\n`;

/** So many are named; the page of the whole console has all. */
const MOST_NAMED = 5;

/** One line: those of this target and of the console itself by name, those of other targets by their number. */
export function linksBody(doctor: Doctor | undefined, target: TargetName, nowMs: number): string {
  if (doctor === undefined) return '';
  const { last, running } = doctor;
  const now = running === null ? '' : ' They are looked at now.';
  if (last === null) return `<p class="small">Links: not looked at yet.${now}</p>\n`;
  const seen = `<small>Looked at ${ago(last.at, nowMs)}.${now}</small>`;
  const broken = last.links.filter(({ state }) => state === 'broken');
  if (broken.length === 0) return `<p class="small">Links: none is broken. ${seen}</p>\n`;
  const ours = broken.filter((link) => link.target === undefined || link.target === target);
  const others = broken.length - ours.length;
  const names = [
    ...ours.slice(0, MOST_NAMED).map(nameOf),
    ...(ours.length > MOST_NAMED ? [`${ours.length - MOST_NAMED} more`] : []),
    ...(others === 0 ? [] : [`${others} of other targets`]),
  ];
  return `<p>${shape('warn')}<strong>${broken.length === 1 ? 'One link is' : `${broken.length} links are`} broken:</strong> ${names.join(', ')}. ${seen}</p>\n`;
}

const nameOf = ({ title, code }: Link): string => `${asText(title)} (${code})`;
