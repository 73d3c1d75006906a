// What a value of the configuration may look like, in the environment or in the file. The message of each schema says what is
// expected; it completes the sentence of `notUnderstood`.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** A value that was not understood. The message names it, what it was, and what was expected. */
export class ConfigError extends Error {}

export const notUnderstood = (name: string, value: unknown, expected: string): ConfigError =>
  new ConfigError(`${name}: ${JSON.stringify(value)} is not understood. Expected ${expected}.`);

/** The same for a value that may be a secret. */
export const secretNotUnderstood = (name: string, expected: string): ConfigError =>
  new ConfigError(`${name}: the value is not understood. Expected ${expected}.`);

// Host and user names become arguments of ssh. They must not look like an option, like user@host or like a command.
const HOST_NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/;
const SCOPE = /^[A-Za-z0-9._-]{1,15}$/;

export const isHost = (text: string): boolean => {
  const [address = '', scope, ...more] = text.split('%');
  if (more.length > 0) return false;
  if (isIP(address) === 6) return scope === undefined || SCOPE.test(scope);
  return scope === undefined && HOST_NAME.test(text);
};

export const host = z
  .string({ error: 'an IP address or a host name' })
  .refine(isHost, { error: 'an IP address or a host name' });
export const user = z
  .string({ error: 'a login name' })
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, { error: 'a login name' });
export const port = z
  .int({ error: 'a port from 1 to 65535' })
  .min(1, { error: 'a port from 1 to 65535' })
  .max(65_535, { error: 'a port from 1 to 65535' });
/** As Proxmox numbers its VMs. */
export const vmid = z
  .int({ error: 'the number of a VM, such as 102' })
  .min(100, { error: 'the number of a VM, such as 102' })
  .max(999_999_999, { error: 'the number of a VM, such as 102' });
export const policyMode = z.enum(['observe', 'ask', 'autonomous'], {
  error: 'observe, ask or autonomous',
});

/** A whole number as text. */
export const wholeNumber = (min: number, max: number) => {
  const error = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error });
};

export const word = (pattern: RegExp, error: string) => z.string().regex(pattern, { error });

/**
 * A whole address, with or without a prefix length. Short forms (10.0, 0/0) are refused: every program reads them differently, and
 * whoever is in the block can claim to be anybody. So is an IPv4 address that is written as IPv6.
 */
export const isBlock = (text: string): boolean => {
  const [address = ''] = text.split('/');
  // An IPv4 address in IPv6 clothes never matches: peers are compared as what they are.
  if (/^::ffff:/i.test(address)) return false;
  return isIP(address) !== 0 && (text.includes('/') ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text));
};
