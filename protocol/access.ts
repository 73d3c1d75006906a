// Who may enter, as the page and the command show it: signed-in devices, named tokens, login links.
import { z } from 'zod';
import { instant, type Wire } from './wire.ts';

export const Role = z
  .enum(['operator', 'observer', 'alerts'])
  .describe(
    '`operator`: everything. `observer`: sees everything and changes nothing. `alerts`: only delivers alerts',
  );
export type Role = Wire<typeof Role>;

export const Device = z
  .object({
    id: z.string(),
    label: z.string().describe('a few words for the browser, such as `Safari on iPhone`'),
    name: z.string().describe('who signed it in'),
    role: Role,
    made_at: instant,
    seen_at: instant.describe('to within a minute'),
    expires_at: instant,
    this_one: z.boolean().describe('the one that asks'),
  })
  .meta({ id: 'Device', description: 'A browser that somebody signed in.' });
export type Device = Wire<typeof Device>;

export const Token = z
  .object({
    id: z.string(),
    name: z.string(),
    role: Role,
    made_at: instant,
    made_by: z.string(),
    expires_at: instant.nullable().describe('null: good until it is revoked'),
    used_at: instant.nullable().describe('to within a minute; null: never'),
  })
  .meta({ id: 'Token', description: 'A named token. Its secret was told once, when it was made.' });
export type Token = Wire<typeof Token>;

export const TokenMade = Token.extend({
  secret: z.string().describe('told this once, and kept only as a digest'),
}).meta({ id: 'TokenMade' });
export type TokenMade = Wire<typeof TokenMade>;

export const LoginLink = z
  .object({
    code: z.string().describe('good once'),
    url: z
      .string()
      .describe('opens the page, which redeems the code by POST: a preview of the link does not spend it'),
    expires_at: instant,
  })
  .meta({ id: 'LoginLink' });
export type LoginLink = Wire<typeof LoginLink>;

const guest = z.object({ label: z.string(), seen_at: instant.describe('to within a minute') });

export const Share = z
  .object({
    id: z.string(),
    made_by: z.string(),
    made_at: instant,
    expires_at: instant,
    guests: z.array(guest).describe('browsers that opened it'),
  })
  .meta({
    id: 'Share',
    description: 'A link that lets whoever has it watch one session, and do nothing, until it ends.',
  });
export type Share = Wire<typeof Share>;

export const ShareMade = Share.extend({
  url: z
    .string()
    .describe('with the code in its fragment; told this once, and the code is kept only as a digest'),
}).meta({ id: 'ShareMade' });
export type ShareMade = Wire<typeof ShareMade>;

export const Passkey = z
  .object({
    id: z.string(),
    label: z.string().describe('as its owner named it'),
    name: z.string().describe('whose it is: a sign-in with it is theirs'),
    role: Role,
    made_at: instant,
    used_at: instant.nullable().describe('null: never'),
    under: z.string().describe('the name of the console under which it works, such as `breakglass.example`'),
  })
  .meta({ id: 'Passkey', description: 'A passkey that somebody enrolled here.' });
export type Passkey = Wire<typeof Passkey>;

export const Passkeys = z
  .object({
    passkeys: z.array(Passkey),
    why_not: z.string().nullable().describe('why none can be enrolled under this address; null: one can'),
  })
  .meta({ id: 'Passkeys' });
export type Passkeys = Wire<typeof Passkeys>;

/** What the browser is asked with. The library on both sides knows its shape. */
export const PasskeyOptions = z
  .object({
    options: z
      .looseObject({ challenge: z.string() })
      .describe('for WebAuthn, as JSON (W3C WebAuthn Level 3)'),
  })
  .meta({ id: 'PasskeyOptions' });
export type PasskeyOptions = Wire<typeof PasskeyOptions>;

export const WaysIn = z
  .object({ passkey: z.boolean().describe('whether any passkey is enrolled here') })
  .meta({ id: 'WaysIn' });
export type WaysIn = Wire<typeof WaysIn>;
