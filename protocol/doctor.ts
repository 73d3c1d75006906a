// What doctor says: whether each link between a phone at night and a VM that runs again works, before the VM is down. Codes are stable
// (link-codes.ts); each is a heading of docs/doctor.md.
import { z } from 'zod';
import { LINK_CODES } from './link-codes.ts';
import { Actor } from './operations.ts';
import { evidenceId, instant, targetName, type Wire } from './wire.ts';

export const LinkCode = z.enum(LINK_CODES);
export type LinkCode = Wire<typeof LinkCode>;

export const LinkState = z
  .enum(['works', 'doubtful', 'broken', 'not-checked', 'not-used'])
  .describe(
    '`doubtful`: it works, and something about it will hurt. `not-checked`: because of another link, or because nobody could look from here; never a fault by itself. `not-used`: it is not configured, and nothing needs it',
  );
export type LinkState = Wire<typeof LinkState>;

export const Link = z
  .object({
    code: LinkCode,
    target: targetName
      .exactOptional()
      .describe(
        'absent: of the console itself. `ssh-key` has one where that target is reached with a key of its own',
      ),
    title: z.string().describe('what the link is, in a few words'),
    state: LinkState,
    detail: z.string().describe('a sentence for a person: what was seen'),
    remedy: z
      .string()
      .exactOptional()
      .describe('exactly what to do, with the command where there is one; only where something is to do'),
    because: LinkCode.exactOptional().describe('of `not-checked`: the link that stands in the way'),
    docs: z.string().describe('where it is explained: docs/doctor.md with an anchor'),
    took_ms: z.number().exactOptional(),
  })
  .meta({ id: 'Link', description: 'One link, as it was seen in one examination.' });
export type Link = Wire<typeof Link>;

/** How many links are in which state. */
export const LinkCount = z.object({
  works: z.int(),
  doubtful: z.int(),
  broken: z.int(),
  'not-checked': z.int(),
  'not-used': z.int(),
});

/** Which link, without what was seen of it. */
export const LinkName = z.object({ code: LinkCode, target: targetName.exactOptional() });
export type LinkName = Wire<typeof LinkName>;

export const Examination = z
  .object({
    at: instant.describe('when it began'),
    took_ms: z.number(),
    by: Actor.describe('who asked for it; the server itself on its schedule'),
    links: z
      .array(Link)
      .describe('those of the console itself first, then target by target, each in the order of a chain'),
    count: LinkCount,
  })
  .meta({ id: 'Examination', description: 'All links, looked at once. Nothing was changed by it.' });
export type Examination = Wire<typeof Examination>;

export const Doctor = z
  .object({
    last: Examination.nullable().describe('null: none since the console was installed'),
    running: z.object({ since: instant }).nullable(),
    next_at: instant.nullable().describe('when it looks by itself again; null: it does not'),
  })
  .meta({ id: 'Doctor' });
export type Doctor = Wire<typeof Doctor>;

/** One tick of `GET /api/doctor/stream`: whoever receives it measures whether ticks come one by one. */
export const DoctorTick = z
  .object({ kind: z.literal('tick'), n: z.int().describe('from 1'), of: z.int(), sent_at: instant })
  .meta({ id: 'DoctorTick' });
export type DoctorTick = Wire<typeof DoctorTick>;

/** One step of a drill. */
export const DrillStep = z.object({
  name: z.enum(['links', 'status', 'triage', 'forensics', 'evidence', 'notification']),
  ok: z.boolean(),
  took_ms: z.number(),
  detail: z.string().describe('a sentence for a person'),
});
export type DrillStep = Wire<typeof DrillStep>;

export const Drill = z
  .object({
    at: instant,
    by: Actor,
    target: targetName,
    ok: z.boolean(),
    steps: z.array(DrillStep),
    evidence_id: evidenceId.exactOptional(),
  })
  .meta({
    id: 'Drill',
    description:
      'The way of a night walked on the real target, up to the verb that would change it, which is not pressed.',
  });
export type Drill = Wire<typeof Drill>;
