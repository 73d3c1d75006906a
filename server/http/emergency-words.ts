// How a target is, in the words of the emergency page: a shape, a few words, and the readings one by one. Pure. A reading that is older
// than 15 s says nothing about now: it is told as past, with its age.
import type { TargetState } from '../../protocol/me.ts';
import type { Tone } from './emergency-shape.ts';

export interface Reading {
  readonly name: string;
  readonly words: string;
  readonly tone: Tone;
}

const FRESH_MS = 15_000;

/** `at` null: it was never said when, so it counts as it stands. */
const isOld = (at: string | null, nowMs: number): boolean =>
  at !== null && !(nowMs - Date.parse(at) <= FRESH_MS);

export function ago(at: string, nowMs: number): string {
  const seconds = Math.floor((nowMs - Date.parse(at)) / 1_000);
  if (Number.isNaN(seconds)) return 'at an unknown time';
  // The clocks of two machines differ a little.
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
}

const reading = (name: string, now: string, tone: Tone, at: string | null, nowMs: number): Reading =>
  at !== null && isOld(at, nowMs) && now !== 'not known'
    ? { name, words: `was ${now} ${ago(at, nowMs)}`, tone: 'none' }
    : { name, words: now, tone };

const answering = (answers: boolean | null): { readonly words: string; readonly tone: Tone } =>
  answers === null
    ? { words: 'not known', tone: 'none' }
    : answers
      ? { words: 'answers', tone: 'ok' }
      : { words: 'silent', tone: 'warn' };

/** `refused` and `unreachable` are no silence. */
const sshNow = ({ answers, reading: said }: TargetState['ssh']): ReturnType<typeof answering> =>
  said === 'refused' || said === 'unreachable'
    ? { words: said, tone: said === 'refused' ? 'warn' : 'none' }
    : answering(answers);

export function vmReading({ vm }: TargetState, nowMs: number): Reading {
  const words = vm.state === 'unknown' ? 'not known' : vm.state;
  const tone: Tone = vm.state === 'running' ? 'ok' : vm.state === 'unknown' ? 'none' : 'warn';
  return reading('VM', words, tone, vm.at, nowMs);
}

export function readings(state: TargetState, nowMs: number): readonly Reading[] {
  const { ssh, qmp, guest_agent: agent } = state;
  const answered = (name: string, { answers, at }: TargetState['qmp']): Reading => {
    const { words, tone } = answering(answers);
    // "was answering", not "was answers".
    return reading(name, isOld(at, nowMs) && answers === true ? 'answering' : words, tone, at, nowMs);
  };
  const { words, tone } = sshNow(ssh);
  return [
    vmReading(state, nowMs),
    reading('SSH', isOld(ssh.at, nowMs) && words === 'answers' ? 'answering' : words, tone, ssh.at, nowMs),
    answered('Guest agent', agent),
    answered('QMP', qmp),
  ];
}

/** The one line that is read first: the VM, and what of a running one does not answer. */
export function headline(state: TargetState, nowMs: number): { readonly words: string; readonly tone: Tone } {
  const [vm, ...ways] = readings(state, nowMs);
  if (vm === undefined) throw new Error('there is always a reading of the VM');
  if (vm.tone !== 'ok') return { words: vm.words, tone: vm.tone };
  const bad = ways.filter(({ tone }) => tone === 'warn').map(({ name, words }) => `${name} ${words}`);
  if (bad.length > 0) return { words: `${vm.words}, ${bad.join(', ')}`, tone: 'warn' };
  // A running VM of which nothing answers is not called well.
  const well = ways.some(({ tone }) => tone === 'ok');
  return { words: vm.words, tone: well ? 'ok' : 'none' };
}

/** The smaller, the sooner somebody should look. */
export function urgency({ vm, qmp }: TargetState): number {
  if (vm.state === 'running') return qmp.answers === false ? 0 : 3;
  return vm.state === 'unknown' ? 1 : vm.state === 'stopped' ? 2 : 0;
}
