// One schema per route body: what the server parses, what OpenAPI publishes. The page imports types only, so zod stays out of it.
import { z } from 'zod';
import { MUTATING_VERBS, VERBS } from './verbs.ts';

/** Longest prompt, in characters. Above it a prompt is a file, and the model would not read it well anyway. */
const PROMPT_CHARACTERS = 100_000;

const prompt = z
  .string({ error: 'prompt: expected the text for the agent' })
  .max(PROMPT_CHARACTERS, { error: `prompt: at most ${PROMPT_CHARACTERS} characters` })
  .refine((text) => text.trim() !== '', { error: 'prompt: must not be empty' });

const model = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:_@/[\]-]{0,99}$/, { error: 'model: expected a model name such as sonnet' })
  .nullish()
  .transform((name) => name ?? undefined);

export const PromptBody = z.object({ prompt, model, queue: z.boolean().optional() });

export const ChatBody = z.object({
  session_id: z.guid({ error: 'session_id: expected a UUID' }),
  prompt,
  model,
});

export const LoginBody = z.object({
  token: z.string({ error: 'token: expected the access token' }).max(4_096),
});

export const SessionAnswer = z.object({ session_id: z.string() });
export const StartedAnswer = z.object({ status: z.literal('started') });
export const QueuedAnswer = z.object({ status: z.literal('queued'), queue_id: z.string() });
export const CancelAnswer = z.object({ cancelled: z.boolean() });
export const HealthAnswer = z.object({ status: z.literal('ok'), service: z.literal('claude-breakglass') });
export const VerbsAnswer = z.object({
  verbs: z.array(z.enum(VERBS)),
  mutating: z.array(z.enum(MUTATING_VERBS)),
});
export const VerbAnswer = z.object({
  verb: z.string(),
  exit_code: z.number().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  rejected: z.boolean(),
});

/** `longer`: watch for half a minute. `unasked`: nobody pressed for it, so nothing is captured while nothing changes. */
export const TriageBody = z.strictObject(
  {
    longer: z.boolean({ error: 'longer: expected true or false' }).optional(),
    unasked: z.boolean({ error: 'unasked: expected true or false' }).optional(),
  },
  { error: 'expected an object with nothing but longer and unasked' },
);

/** A second press: the token of a `contradicts-finding` answer. The header `confirm` means the same. */
export const PowerBody = z.strictObject(
  {
    confirm: z
      .string({ error: 'confirm: expected the token of the answer' })
      .max(100, { error: 'confirm: expected the token of the answer' })
      .optional(),
  },
  { error: 'expected an object with nothing but confirm' },
);

/** The target of a new session; none: the default one. */
export const SessionBody = z.object({
  target: z.string({ error: 'target: expected the name of a target' }).optional(),
});
