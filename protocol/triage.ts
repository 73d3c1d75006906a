// What triage says: cautions that stand beside any finding, one finding, the inputs that decided it.
import { z } from 'zod';
import { STATE_TONES, type StateWord } from './state-words.ts';
import { instant, mutatingVerb, type Wire } from './wire.ts';

const TriageInput = z.object({ name: z.string(), value: z.string() }).meta({ id: 'TriageInput' });
export type TriageInput = Wire<typeof TriageInput>;

const WithheldVerb = z
  .object({
    verb: mutatingVerb,
    because: z.array(z.string()).describe('what is not known, or speaks against it: one sentence each'),
  })
  .meta({ id: 'WithheldVerb' });
export type WithheldVerb = Wire<typeof WithheldVerb>;

export const Word = z.enum(Object.keys(STATE_TONES) as [StateWord, ...StateWord[]]);

export const Finding = z
  .object({
    code: z.string().describe('stable for programs, e.g. `block-path-stalled`, `not-known`'),
    word: Word.exactOptional().describe('one word for the state; absent in old records'),
    headline: z
      .string()
      .exactOptional()
      .describe('the cause in at most 12 words, what can be counted first; absent in old records'),
    summary: z.string().describe('one sentence for a person'),
    confidence: z.number().describe('0 to 1'),
    advised: mutatingVerb
      .nullable()
      .describe('the verb to press, or null: no verb helps, none is needed, or too little is known'),
    withheld: WithheldVerb.exactOptional().describe(
      'a verb that would be advised if it were known what may stand in its way',
    ),
    warned: z.array(mutatingVerb).describe('verbs that would make it worse'),
    advice: z
      .string()
      .describe('what to do, in one or two sentences; the exact host command where no verb helps'),
    inputs: z.array(TriageInput).describe('what decided it'),
  })
  .meta({ id: 'Finding' });
export type Finding = Wire<typeof Finding>;

export const Caution = z
  .object({
    code: z.string(),
    text: z.string(),
    warned: z.array(mutatingVerb).describe('verbs that would strand the VM while it holds'),
  })
  .meta({ id: 'Caution', description: 'Stands beside any finding and changes what a verb will do.' });
export type Caution = Wire<typeof Caution>;

const LongerLook = z
  .object({ seconds: z.number(), why: z.string().describe('what it would tell') })
  .meta({ id: 'LongerLook' });
export type LongerLook = Wire<typeof LongerLook>;

export const TriageReport = z
  .object({
    target: z.string(),
    at: z.string(),
    cautions: z.array(Caution),
    finding: Finding,
    longer_look: LongerLook.exactOptional().describe(
      'offered when two seconds cannot decide it: ask for triage with `longer`, and it watches that long',
    ),
    watched_s: z
      .number()
      .exactOptional()
      .describe('for how many seconds movement was watched; absent when nothing moved or nobody looked'),
  })
  .meta({ id: 'TriageReport' });
export type TriageReport = Wire<typeof TriageReport>;

export const DiskWrites = z
  .object({
    from: instant.describe("of the first value, by the power host's clock"),
    step_s: z.number().describe('seconds from one value to the next'),
    bytes_per_s: z
      .array(z.number().nullable())
      .describe('oldest first, at most 70; null: not told, e.g. because the VM was off'),
  })
  .meta({
    id: 'DiskWrites',
    description: "What the VM wrote in the last hour, as the power host's history tells it.",
  });
export type DiskWrites = Wire<typeof DiskWrites>;

export const StandingFinding = z
  .object({
    report: TriageReport,
    at: instant.describe('when it was last seen to be so'),
    pid: z.number().exactOptional().describe('of the QEMU process that it is about, where that is known'),
    hour: DiskWrites.exactOptional().describe('where the capture that it rests on held it'),
    past: z
      .string()
      .exactOptional()
      .describe(
        'why it does not hold any more, in a sentence: a verb ran since, another QEMU process, something changed, or it is old. What is past advises nothing',
      ),
  })
  .meta({
    id: 'StandingFinding',
    description: 'What triage found last. It belongs to a moment and a process.',
  });
export type StandingFinding = Wire<typeof StandingFinding>;

export const FoundInShort = StandingFinding.pick({ at: true, past: true })
  .extend(Finding.pick({ code: true, summary: true, headline: true, word: true, advised: true }).shape)
  .meta({ id: 'FoundInShort', description: 'A standing finding, for a list of targets.' });
export type FoundInShort = Wire<typeof FoundInShort>;

export const Looking = z
  .object({
    since: instant,
    longer: z.boolean().describe('it watches for half a minute'),
  })
  .meta({ id: 'Looking' });
export type Looking = Wire<typeof Looking>;
