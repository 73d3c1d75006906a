// What a client sends, one schema for each body and query: what the server parses, what OpenAPI and docs/wire.md publish. The page
// imports types only, so zod stays out of it.
import { z } from 'zod';
import { HostKeySide } from './host-keys.ts';
import { TITLE_CHARACTERS } from './sessions.ts';
import { isOneVisibleLine } from './visible-text.ts';

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

const ONE_OF_THEM = 'expected token, code or passkey, and one of them only';

const PASSKEY_ANSWER = 'expected what the browser answered';
const encoded = z
  .string({ error: `passkey: ${PASSKEY_ANSWER}` })
  .max(8_192, { error: `passkey: ${PASSKEY_ANSWER}` })
  .regex(/^[A-Za-z0-9_-]*$/, { error: `passkey: ${PASSKEY_ANSWER}` });
const credential = {
  id: encoded,
  rawId: encoded,
  type: z.literal('public-key', { error: `passkey: ${PASSKEY_ANSWER}` }),
};

/** AuthenticationResponseJSON of WebAuthn, as far as it is read. */
const passkeyAssertion = z.object(
  {
    ...credential,
    response: z.object(
      {
        clientDataJSON: encoded,
        authenticatorData: encoded,
        signature: encoded,
        userHandle: encoded.nullish().transform((handle) => handle ?? undefined),
      },
      { error: `passkey: ${PASSKEY_ANSWER}` },
    ),
  },
  { error: `passkey: ${PASSKEY_ANSWER}` },
);
export type PasskeyAssertion = z.output<typeof passkeyAssertion>;

/** RegistrationResponseJSON of WebAuthn, as far as it is read. */
const passkeyAttestation = z.object(
  {
    ...credential,
    response: z.object(
      {
        clientDataJSON: encoded,
        attestationObject: encoded,
        transports: z.array(z.string().max(40)).max(10).optional(),
      },
      { error: `passkey: ${PASSKEY_ANSWER}` },
    ),
  },
  { error: `passkey: ${PASSKEY_ANSWER}` },
);
export type PasskeyAttestation = z.output<typeof passkeyAttestation>;

const A_LABEL = 'name: expected a name of 1 to 40 letters, digits, dots, dashes or spaces';

export const PasskeyBody = z.strictObject(
  {
    name: z
      .string({ error: A_LABEL })
      .trim()
      .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u, { error: A_LABEL })
      .describe('for people, such as `my phone`'),
    passkey: passkeyAttestation.describe('what the browser answered'),
  },
  { error: 'expected an object with name and passkey' },
);

/** For routes that need none: what is in it is a mistake. */
export const NoBody = z.strictObject({}, { error: 'expected no body, or an empty object' });

export const LoginBody = z
  .object({
    token: z
      .string({ error: 'token: expected the access token' })
      .max(4_096)
      .optional()
      .describe('the access token (`API_BEARER_TOKEN`), or a named one'),
    code: z
      .string({ error: 'code: expected the code of a login link' })
      .max(100)
      .optional()
      .describe('of a login link, good once, or of a share link, good until that ends'),
    passkey: passkeyAssertion.optional().describe('what the browser answered to `POST /api/login/passkey`'),
    remember: z
      .boolean({ error: 'remember: expected true or false' })
      .optional()
      .describe('for 90 days; absent: for 12 hours. A share link lasts as long as it was made for'),
  })
  .refine(
    ({ token, code, passkey }) => [token, code, passkey].filter((each) => each !== undefined).length === 1,
    { error: ONE_OF_THEM },
  );

export const TokenBody = z.strictObject(
  {
    name: z
      .string({ error: 'name: expected a name of 1 to 40 letters, digits, dots, dashes or spaces' })
      .trim()
      .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,39}$/u, {
        error: 'name: expected a name of 1 to 40 letters, digits, dots, dashes or spaces',
      })
      .refine((name) => name.toLowerCase() !== 'operator', {
        error: 'name: operator is the name of the token in the environment; choose another one',
      }),
    role: z.enum(['operator', 'observer', 'alerts'], {
      error: 'role: expected operator, observer or alerts',
    }),
    days: z
      .int({ error: 'days: expected a whole number from 1 to 3650' })
      .min(1, { error: 'days: expected a whole number from 1 to 3650' })
      .max(3_650, { error: 'days: expected a whole number from 1 to 3650' })
      .optional()
      .describe('how long it is good; absent: until it is revoked'),
  },
  { error: 'expected an object with name, role and perhaps days' },
);

export const LoginLinkBody = z.strictObject(
  {
    role: z
      .enum(['operator', 'observer'], { error: 'role: expected operator or observer' })
      .optional()
      .describe('absent: that of whoever makes it'),
  },
  { error: 'expected an object with nothing but role' },
);

const SHARE_MINUTES = 'minutes: expected a whole number from 5 to 1440';

export const ShareBody = z.strictObject(
  {
    minutes: z
      .int({ error: SHARE_MINUTES })
      .min(5, { error: SHARE_MINUTES })
      .max(1_440, { error: SHARE_MINUTES })
      .optional()
      .describe('how long the link is good; absent: 60'),
  },
  { error: 'expected an object with nothing but minutes' },
);

export const SessionBody = z.object({
  target: z
    .string({ error: 'target: expected the name of a target' })
    .optional()
    .describe('the target of the session; absent: the default one'),
});

const A_TITLE = `title: expected 1 to ${TITLE_CHARACTERS} visible characters on one line`;

export const TitleBody = z.strictObject(
  {
    title: z
      .string({ error: A_TITLE })
      .trim()
      .refine(
        (title) => title !== '' && Array.from(title).length <= TITLE_CHARACTERS && isOneVisibleLine(title),
        {
          error: A_TITLE,
        },
      )
      .describe(`1 to ${TITLE_CHARACTERS} visible characters on one line`),
  },
  { error: 'expected an object with nothing but title' },
);

const A_SEARCH = 'q: expected words to search for, at most 200 characters';
const A_PAGE = 'before: expected `next` of the page before';

export const SessionsQuery = z.object({
  q: z
    .string({ error: A_SEARCH })
    .max(200, { error: A_SEARCH })
    .optional()
    .transform((text) => (text?.trim() === '' ? undefined : text))
    .describe('words that begin words of one prompt, of the name, or of the alert; capitals do not matter'),
  target: z
    .string({ error: 'target: expected the name of one target' })
    .optional()
    .describe('only sessions about this target'),
  before: z
    .string({ error: A_PAGE })
    .regex(/^\d{1,15}$/, { error: A_PAGE })
    .optional()
    .describe('`next` of the page before'),
});

const A_SENTENCE = 'reason: expected a sentence for the agent, at most 500 characters';
const GRANT = 'grant_minutes: expected a whole number from 1 to 15';

export const ApprovalBody = z.strictObject(
  {
    answer: z.enum(['approve', 'deny'], { error: 'answer: expected approve or deny' }),
    reason: z
      .string({ error: A_SENTENCE })
      .trim()
      .max(500, { error: A_SENTENCE })
      .optional()
      .transform((text) => (text === '' ? undefined : text))
      .describe('with `deny`: what the agent reads'),
    grant_minutes: z
      .int({ error: GRANT })
      .min(1, { error: GRANT })
      .max(15, { error: GRANT })
      .optional()
      .describe('with `approve`, for a command: repair commands of this session run without asking so long'),
  },
  { error: 'expected an object with answer, and perhaps reason or grant_minutes' },
);

const MINUTES = 'minutes: expected a whole number from 1 to 60';

export const PolicyBody = z.strictObject(
  {
    mode: z.enum(['observe', 'ask', 'autonomous'], { error: 'mode: expected observe, ask or autonomous' }),
    minutes: z
      .int({ error: MINUTES })
      .min(1, { error: MINUTES })
      .max(60, { error: MINUTES })
      .optional()
      .describe('how long a mode holds that is looser than the configured one; absent: 60'),
  },
  { error: 'expected an object with mode, and perhaps minutes' },
);

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

const A_FINGERPRINT = 'fingerprint: expected that of the offered key, SHA256: and 43 characters';

export const HostKeyBody = z.strictObject(
  {
    side: HostKeySide,
    fingerprint: z
      .string({ error: A_FINGERPRINT })
      .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, { error: A_FINGERPRINT })
      .describe('of the offered key, as the state shows it; no other key is accepted'),
  },
  { error: 'expected an object with side and fingerprint' },
);

export const EvidenceQuery = z.object({
  target: z
    .string({ error: 'target: expected the name of one target' })
    .optional()
    .describe('only what was captured of this target'),
});

export const EvidenceTextQuery = z.object({
  raw: z
    .literal('1', { error: 'raw: expected 1, or nothing' })
    .optional()
    .describe('`1`: exactly what was captured, which may command a terminal that shows it'),
});

export const DoctorBody = z.strictObject(
  {
    target: z
      .string({ error: 'target: expected the name of a target' })
      .optional()
      .describe('only this target and the console itself; absent: all'),
  },
  { error: 'expected an object with nothing but target' },
);
