// What the page asks for at load and every few seconds: who am I, what can this console do, how are the targets.
import { z } from 'zod';
import { Role } from './access.ts';
import { OpenIncident } from './alerts.ts';
import { PolicyMode } from './approvals.ts';
import { HostKeyChange } from './host-keys.ts';
import { Operation } from './operations.ts';
import { Present, Recent } from './recent.ts';
import type { SshReading } from './ssh-reading.ts';
import { FoundInShort, Looking, StandingFinding } from './triage.ts';
import type { MutatingVerb } from './verbs.ts';
import { instant, sessionId, targetName, type Wire } from './wire.ts';

const NotRecorded = z
  .object({
    writes: z.literal(false),
    why: z.string().describe('a sentence for a person'),
  })
  .meta({
    id: 'NotRecorded',
    description:
      'There as long as nothing can be recorded, e.g. because the disk is full. The power verbs work; what happens meanwhile is not kept.',
  });

export const Me = z
  .object({
    name: z.string(),
    how: z.enum(['proxy', 'token', 'share']).describe('how it was let in'),
    role: z
      .enum([...Role.options, 'guest'])
      .describe('`guest`: watches one session by a share link, and is told of nothing else'),
    watches: z
      .object({ session_id: sessionId, ends_at: instant })
      .exactOptional()
      .describe('only for a guest'),
    mode: z
      .enum(['full', 'power-only'])
      .describe(
        '`power-only`: the journal could not be opened, so there are no sessions and no agent; `why` says it',
      ),
    why: z.string().exactOptional(),
    lab: z
      .object({ scenario: z.string(), title: z.string(), brief: z.string() })
      .nullable()
      .describe('not null: a rehearsal. Nothing it shows is real'),
    policy: z
      .object({ mode: PolicyMode })
      .describe('the configured one; a target or a session may have another'),
    agent: z.object({ available: z.boolean(), why: z.string().exactOptional(), model: z.string() }),
    target: z
      .object({ name: targetName })
      .describe('the default one: what an address, a session or a fixed route means that names none'),
    targets: z
      .array(z.object({ name: targetName, title: z.string().exactOptional() }))
      .describe('all, in the order of the configuration; the default one is among them'),
    warnings: z.array(z.string()),
    journal: NotRecorded.exactOptional().describe('absent for a guest, and in the mode `power-only`'),
    keys: z
      .object({ present: z.boolean() })
      .describe('whether the console holds the SSH keys that open the VMs and the power hosts'),
  })
  .meta({ id: 'Me' });
export type Me = Wire<typeof Me>;

const SSH_READING = z
  .enum(['works', 'refused', 'silent', 'unreachable', 'unknown'])
  .describe(
    '`works`: a command ran there. `refused`: something alive answered and did not let us work. `silent`: nothing came in time. `unreachable`: there is no route. `unknown`: it was not asked, or could not be',
  ) satisfies z.ZodType<SshReading>;

const asking = z
  .object({ since: instant })
  .exactOptional()
  .describe(
    'it is being asked, and there is no answer yet that says something about now: none at all, one older than 15 s, or one from before the last verb. From 3 s on that is worth saying',
  );
const answers = z.boolean().nullable().describe('null where it is not known');
const readAt = z.string().nullable().describe('when it was read (UTC, ISO 8601); null: never');

const Applies = z
  .discriminatedUnion('applies', [
    z.object({ applies: z.literal(true) }),
    z.object({ applies: z.literal(false), why: z.string().describe('a sentence for a person') }),
  ])
  .meta({ id: 'Applies', description: 'Whether a verb can do anything in the state that is known.' });

export const TargetState = z
  .object({
    name: targetName,
    title: z.string().exactOptional().describe('for people, where the configuration gives one'),
    vm: z.object({
      state: z.string().describe('`running`, `stopped`, … as the power host says it, or `unknown`'),
      at: readAt,
      detail: z.string().exactOptional(),
      asking,
    }),
    ssh: z.object({ answers, reading: SSH_READING, at: readAt, detail: z.string().exactOptional(), asking }),
    qmp: z.object({ answers, at: readAt, asking }),
    guest_agent: z
      .object({ answers, at: readAt, detail: z.string().exactOptional(), asking })
      .describe("from the host's status where it tells, else from the latest evidence"),
    warnings: z
      .array(z.string())
      .describe("what is wrong with the readings' source, e.g. another version of the host's script"),
    host_key_changed: z
      .array(HostKeyChange)
      .exactOptional()
      .describe('only while that is what the last look at that side said'),
    verbs: z
      .object({ cycle: Applies, reset: Applies, start: Applies, stop: Applies } satisfies Record<
        MutatingVerb,
        typeof Applies
      >)
      .exactOptional()
      .describe(
        'which mutating verb can do anything now. What is not known, or older than 15 s, forbids nothing. Absent for a guest',
      ),
    finding: StandingFinding.exactOptional().describe(
      'of the last full triage, whoever asked for it; not in the list of all targets',
    ),
    found: FoundInShort.exactOptional().describe('only in the list of all targets: its finding, in short'),
    looking: Looking.exactOptional().describe(
      'a triage is under way, whoever asked for it or nobody; not in the list of all targets, and not for a guest',
    ),
    recent: Recent.exactOptional().describe('not in the list of all targets'),
    here: z
      .array(Present)
      .exactOptional()
      .describe(
        'who looks at this target or is attached to a session of it, whoever came first at the front; at most 20; not in the list of all targets',
      ),
    operation: Operation.nullable().describe('the one that runs now, whoever started it'),
    journal: NotRecorded.exactOptional().describe(
      'of the console, and here because a page asks for this again and again; not in the list of all targets, and not for a guest',
    ),
    incident: OpenIncident.exactOptional().describe('the open one, where an alert has opened one'),
  })
  .meta({ id: 'TargetState', description: 'Each reading tells when it was taken.' });
export type TargetState = Wire<typeof TargetState>;

export const TargetsAnswer = z
  .object({
    default: targetName,
    targets: z.array(TargetState).describe('in the order of the configuration'),
  })
  .meta({ id: 'TargetsAnswer' });
export type TargetsAnswer = Wire<typeof TargetsAnswer>;
