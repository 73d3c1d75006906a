// `breakglass token`, `devices` and `login-link`: who may enter.
import { renderUnicodeCompact } from 'uqr';
import type { Device, LoginLink, Role, Token, TokenMade } from '../protocol/access.ts';
import { columns } from './columns.ts';
import { ask, type ConsoleAddress, get } from './console-client.ts';

type Print = (line: string) => void;

export async function tokenList(address: ConsoleAddress, print: Print): Promise<void> {
  const { tokens } = await get<{ tokens: readonly Token[] }>(address, '/api/tokens');
  const rows = tokens.map((token) => [
    token.name,
    token.role,
    day(token.made_at),
    token.made_by,
    token.used_at === null ? 'never' : minute(token.used_at),
    token.expires_at === null ? 'until revoked' : day(token.expires_at),
  ]);
  for (const line of columns(['NAME', 'ROLE', 'MADE', 'BY', 'LAST USED', 'GOOD UNTIL'], rows)) print(line);
}

export interface NewToken {
  readonly name: string;
  readonly role: Role;
  readonly days: number | undefined;
}

/** The secret alone goes to stdout, so that it can be piped into a file. */
export async function tokenMake(
  address: ConsoleAddress,
  { name, role, days }: NewToken,
  print: Print,
  talk: Print,
): Promise<void> {
  const made = await ask<TokenMade>(address, 'POST', '/api/tokens', {
    name,
    role,
    ...(days === undefined ? {} : { days }),
  });
  talk(
    `The token ${made.name} (${made.role}) is good ${made.expires_at === null ? 'until it is revoked' : `until ${day(made.expires_at)}`}. It is told this once:`,
  );
  print(made.secret);
}

export async function tokenRevoke(address: ConsoleAddress, name: string, talk: Print): Promise<void> {
  await ask<void>(address, 'DELETE', `/api/tokens/${encodeURIComponent(name)}`);
  talk(`The token ${name} is revoked, and the devices that were signed in with it are out.`);
}

export async function deviceList(address: ConsoleAddress, print: Print): Promise<void> {
  const { devices } = await get<{ devices: readonly Device[] }>(address, '/api/devices');
  const rows = devices.map(({ id, label, name, role, seen_at, expires_at }) => [
    id.slice(0, 8),
    label,
    name,
    role,
    minute(seen_at),
    minute(expires_at),
  ]);
  for (const line of columns(['ID', 'DEVICE', 'WHO', 'ROLE', 'LAST SEEN', 'GOOD UNTIL'], rows)) print(line);
}

/** @param which the id or its first characters; undefined: all */
export async function deviceEnd(
  address: ConsoleAddress,
  which: string | undefined,
  talk: Print,
): Promise<void> {
  if (which === undefined) {
    const { ended } = await ask<{ ended: number }>(address, 'DELETE', '/api/devices');
    talk(ended === 1 ? 'One device is out.' : `${ended} devices are out.`);
    return;
  }
  const { devices } = await get<{ devices: readonly Device[] }>(address, '/api/devices');
  const found = devices.filter(({ id }) => id.startsWith(which));
  // Where it is not one of them, the console says so.
  const [only] = found;
  await ask<void>(
    address,
    'DELETE',
    `/api/devices/${encodeURIComponent(found.length === 1 && only !== undefined ? only.id : which)}`,
  );
  talk(`${only?.label ?? which} is out.`);
}

/** As text to copy, and as a picture for a phone's camera. */
export async function loginLink(
  address: ConsoleAddress,
  role: 'operator' | 'observer' | undefined,
  print: Print,
  talk: Print,
): Promise<void> {
  const link = await ask<LoginLink>(address, 'POST', '/api/login-links', role === undefined ? {} : { role });
  talk('Good once, until it is used or ten minutes have passed:');
  print(link.url);
  talk(renderUnicodeCompact(link.url));
}

const day = (at: string): string => at.slice(0, 10);
const minute = (at: string): string => `${at.slice(0, 16).replace('T', ' ')}Z`;
