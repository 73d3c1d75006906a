// The steps of a verb as one rail: what the host and we have begun, in words, and what is still to come, in grey. Pure.
import type { OperationStep } from '../../../protocol/operations.ts';
import type { Verb } from '../../../protocol/verbs.ts';
import type { OperationView } from './operation-view.ts';
import type { Tone } from './tone.ts';

/** What each step is called for a person. The keys are the sections that the host prints, and our own. */
const WORDS: Readonly<Record<string, string>> = {
  'ask the power host': 'Power host asked',
  'ask which VM it is': 'VM checked',
  startable: 'Preflight check',
  forensics: 'Evidence saved',
  stop: 'Stop asked',
  terminate: 'Process told to end',
  kill: 'Process killed',
  'proof of death': 'Old process gone',
  start: 'New process',
  verify: 'QEMU runs',
  reset: 'Guest restarted',
  'ssh answers': 'SSH answers',
  'keep the evidence': 'Evidence kept here',
};

const PLAN: Readonly<Record<Verb, readonly string[]>> = {
  status: [],
  forensics: [],
  reset: ['ask the power host', 'forensics', 'reset', 'ssh answers'],
  stop: ['ask the power host', 'forensics', 'stop', 'proof of death'],
  start: ['ask the power host', 'startable', 'forensics', 'start', 'verify', 'ssh answers'],
  cycle: [
    'ask the power host',
    'startable',
    'forensics',
    'stop',
    'proof of death',
    'start',
    'verify',
    'ssh answers',
  ],
};

export interface RailStep {
  readonly words: string;
  /** `wait`: not begun. `open`: the operation is over and this step never ended. */
  readonly state: 'done' | 'failed' | 'now' | 'wait' | 'open' | 'unknown';
  readonly at?: string;
  readonly ms?: number;
}

export const RAIL_TONE: Readonly<Record<RailStep['state'], Tone>> = {
  done: 'ok',
  failed: 'bad',
  now: 'busy',
  wait: 'none',
  open: 'none',
  unknown: 'none',
};

const stateOf = (step: OperationStep, running: boolean): RailStep['state'] => {
  if (step.ms === undefined) return running ? 'now' : 'open';
  if (step.ok === undefined) return 'unknown';
  return step.ok ? 'done' : 'failed';
};

export const railOf = ({
  verb,
  steps,
  state,
}: Pick<OperationView, 'verb' | 'steps' | 'state'>): readonly RailStep[] => {
  const running = state === 'running';
  const begun = steps.map((step) => ({
    words: WORDS[step.name] ?? step.name,
    state: stateOf(step, running),
    at: step.at,
    ...(step.ms === undefined ? {} : { ms: step.ms }),
  }));
  if (!running) return begun;
  // What comes after the last planned step that has begun; a host of another version may skip or add some.
  const plan = PLAN[verb];
  const last = Math.max(-1, ...steps.map(({ name }) => plan.indexOf(name)));
  return [
    ...begun,
    ...plan.slice(last + 1).map((name) => ({ words: WORDS[name] ?? name, state: 'wait' as const })),
  ];
};
