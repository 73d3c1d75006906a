// What a client sends, one schema for each body and query: what the server parses, what OpenAPI and docs/wire.md publish. The page
// imports types only, so zod stays out of it.
import { z } from 'zod';

/** Longest prompt, in characters. Above it a prompt is a file, and the model would not read it well anyway. */
const PROMPT_CHARACTERS = 100_000;

const prompt = z
  .string({ error: 'prompt: expected the text for the agent' })
  .max(PROMPT_CHARACTERS, { error: `prompt: at most ${PROMPT_CHARACTERS} characters` })
  .refine((text) => text.trim() !== '', { error: 'prompt: must not be empty' })
  .describe('not empty');

const model = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:_@/[\]-]{0,99}$/, { error: 'model: expected a model name such as sonnet' })
  .nullish()
  .transform((name) => name ?? undefined)
  .describe('such as `sonnet`; absent or null: the configured one');

export const PromptBody = z.object({
  prompt,
  model,
  queue: z.boolean().optional().describe('while a turn runs: wait for it instead of 409'),
});

export const ChatBody = z.object({
  session_id: z
    .guid({ error: 'session_id: expected a UUID' })
    .describe('any UUID; one that is new opens a session on the default target'),
  prompt,
  model,
});

export const LoginBody = z.object({
  token: z
    .string({ error: 'token: expected the access token' })
    .max(4_096)
    .describe('the access token (`API_BEARER_TOKEN`)'),
});

export const SessionBody = z.object({
  target: z
    .string({ error: 'target: expected the name of a target' })
    .optional()
    .describe('the target of the session; absent: the default one'),
});

const A_TOKEN = 'confirm: expected the token of the answer';

/** The header `confirm` means the same. */
export const PowerBody = z.strictObject(
  {
    confirm: z
      .string({ error: A_TOKEN })
      .max(100, { error: A_TOKEN })
      .optional()
      .describe('a second press: the `confirm` of a `contradicts-finding` answer'),
  },
  { error: 'expected an object with nothing but confirm' },
);

export const TriageBody = z.strictObject(
  {
    longer: z
      .boolean({ error: 'longer: expected true or false' })
      .optional()
      .describe('watch for half a minute'),
    unasked: z
      .boolean({ error: 'unasked: expected true or false' })
      .optional()
      .describe('nobody pressed for it, so nothing is captured while nothing changes'),
  },
  { error: 'expected an object with nothing but longer and unasked' },
);

export const EvidenceQuery = z.object({
  target: z
    .string({ error: 'target: expected the name of one target' })
    .optional()
    .describe('only what was captured of this target'),
});
