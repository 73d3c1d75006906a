// How the console reaches people who are not looking at it: Web Push, ntfy, a webhook.
import { ConfigError, notUnderstood } from './fields.ts';

export interface NotifyConfig {
  /** `contact`: whom a push service may write to (RFC 8292); undefined: none is known, so push cannot work. */
  readonly push: { readonly contact: string | undefined; readonly local: boolean };
  readonly ntfy: { readonly url: string; readonly token: string | undefined } | undefined;
  readonly webhook: { readonly url: string; readonly secret: string } | undefined;
  /** The end of a turn is worth a notification if the turn ran so long. */
  readonly turnMs: number;
  /** Where a tap leads; undefined: nobody told. */
  readonly publicUrl: string | undefined;
}

export interface NotifyVariables {
  readonly BREAKGLASS_PUSH_CONTACT?: string | undefined;
  readonly BREAKGLASS_PUSH_LOCAL?: string | undefined;
  readonly BREAKGLASS_NTFY_URL?: string | undefined;
  readonly BREAKGLASS_NTFY_TOKEN?: string | undefined;
  readonly BREAKGLASS_NOTIFY_WEBHOOK?: string | undefined;
  readonly BREAKGLASS_NOTIFY_WEBHOOK_SECRET?: string | undefined;
  readonly BREAKGLASS_NOTIFY_TURN_SECONDS: number;
}

/** @param publicUrl the first of BREAKGLASS_PUBLIC_URL */
export const readNotify = (read: NotifyVariables, publicUrl: string | undefined): NotifyConfig => ({
  push: {
    contact: readContact(read.BREAKGLASS_PUSH_CONTACT, publicUrl),
    local: readLocal(read.BREAKGLASS_PUSH_LOCAL),
  },
  ntfy: readNtfy(read.BREAKGLASS_NTFY_URL, read.BREAKGLASS_NTFY_TOKEN),
  webhook: readWebhook(read.BREAKGLASS_NOTIFY_WEBHOOK, read.BREAKGLASS_NOTIFY_WEBHOOK_SECRET),
  turnMs: read.BREAKGLASS_NOTIFY_TURN_SECONDS * 1_000,
  publicUrl,
});

/** Apple's service refuses a contact that is neither an address for mail nor a page of the public web. */
function readContact(text: string | undefined, publicUrl: string | undefined): string | undefined {
  if (text === undefined) return publicUrl?.startsWith('https://') === true ? publicUrl : undefined;
  const url = URL.parse(text);
  if (url?.protocol === 'https:') return text;
  if (url?.protocol === 'mailto:' && /^[^\s@<>]+@[^\s@<>]+$/.test(url.pathname)) return text;
  throw notUnderstood(
    'BREAKGLASS_PUSH_CONTACT',
    text,
    'whom a push service may write to: mailto:you@example.com, or an https:// page',
  );
}

function readLocal(text: string | undefined): boolean {
  if (text === undefined || text === '0') return false;
  if (text === '1') return true;
  throw notUnderstood('BREAKGLASS_PUSH_LOCAL', text, '1 (push services on this machine are allowed) or 0');
}

function readNtfy(text: string | undefined, token: string | undefined): NotifyConfig['ntfy'] {
  if (text === undefined) {
    if (token === undefined) return undefined;
    throw new ConfigError('BREAKGLASS_NTFY_TOKEN is set without BREAKGLASS_NTFY_URL: set both or neither.');
  }
  const expected = 'the address of a topic, e.g. https://ntfy.example/breakglass-7f3a';
  const url = httpUrl('BREAKGLASS_NTFY_URL', text, expected, 'BREAKGLASS_NTFY_TOKEN');
  // A topic is what ntfy says it is: https://docs.ntfy.sh/publish/
  if (!/\/[A-Za-z0-9_-]{1,64}$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    throw new ConfigError(`BREAKGLASS_NTFY_URL is not understood. Expected ${expected}.`);
  checkHeader('BREAKGLASS_NTFY_TOKEN', token);
  return { url: url.href, token };
}

const SHORTEST_SECRET = 16;

function readWebhook(text: string | undefined, secret: string | undefined): NotifyConfig['webhook'] {
  if (text === undefined && secret === undefined) return undefined;
  if (text === undefined || secret === undefined)
    throw new ConfigError(
      'BREAKGLASS_NOTIFY_WEBHOOK and BREAKGLASS_NOTIFY_WEBHOOK_SECRET go together, because every notification is signed: set both or neither.',
    );
  const url = httpUrl(
    'BREAKGLASS_NOTIFY_WEBHOOK',
    text,
    'a URL with http:// or https://',
    'BREAKGLASS_NOTIFY_WEBHOOK_SECRET',
  );
  if (secret.length < SHORTEST_SECRET)
    throw new ConfigError(
      `BREAKGLASS_NOTIFY_WEBHOOK_SECRET is too short to be safe. Expected at least ${SHORTEST_SECRET} characters, e.g. from: openssl rand -hex 32`,
    );
  if (secret.startsWith('whsec_') && !/^whsec_[A-Za-z0-9+/]{22,}={0,2}$/.test(secret))
    throw new ConfigError(
      'BREAKGLASS_NOTIFY_WEBHOOK_SECRET begins with whsec_, but what follows is not base64. Expected whsec_ and base64, or any other long text.',
    );
  return { url: url.href, secret };
}

/** The address may be a secret itself, so no message repeats it. */
function httpUrl(name: string, text: string, expected: string, secretName: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new ConfigError(`${name} is not understood. Expected ${expected}.`);
  if (url.username !== '' || url.password !== '')
    throw new ConfigError(
      `${name} contains a name or a password. Expected the URL without; a secret belongs into ${secretName}.`,
    );
  return url;
}

function checkHeader(name: string, value: string | undefined): void {
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return;
  throw new ConfigError(
    `${name} contains a character that no HTTP header may carry. Expected printable ASCII without spaces.`,
  );
}
