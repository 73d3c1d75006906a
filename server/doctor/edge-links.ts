// How people come in: the public address, its certificate, and whether the edge's word is the edge's. Nothing secret is sent, so nothing
// depends on whom TLS leads to; that is a link of its own.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { DOCTOR_AGENT, type EdgeTraffic } from '../access/edge-traffic.ts';
import { type CertificateParts, lookAtCertificates } from './edge-certificates.ts';
import {
  broken,
  type Chain,
  doubtful,
  type LinkLook,
  notChecked,
  notUsed,
  reasonOf,
  type Seen,
  works,
} from './link.ts';
import { whyNotReached } from './reach.ts';

export interface EdgeParts extends CertificateParts {
  /** Where people open the console; the first is looked at. */
  readonly publicUrls: readonly string[];
  readonly trustedProxies: readonly string[];
  /** The header that names people; lower case. */
  readonly identityHeader: string;
  /** The one that brings a JWT, where the edge signs. */
  readonly signedHeader: string | undefined;
  readonly traffic: () => EdgeTraffic;
}

const LIMIT_MS = 8_000;
const DAY_MS = 86_400_000;
/** Nobody has this name. */
const NOBODY = 'breakglass-doctor-nobody';

export function edgeChain(parts: EdgeParts): Chain {
  const [url] = parts.publicUrls;
  const links: readonly LinkLook[] = [
    {
      code: 'edge-address',
      title: 'Public address',
      needs: [],
      look: (signal) => lookAtAddress(url, signal),
    },
    {
      code: 'edge-certificate',
      title: 'Certificate',
      needs: url === undefined ? [] : ['edge-address'],
      look: (signal) => lookAtCertificates(url, parts, signal),
    },
    {
      code: 'edge-identity',
      title: "The edge's identity arrives",
      needs: [],
      look: async () => lookAtIdentity(parts),
    },
    {
      code: 'edge-spoofed',
      title: 'A made-up identity does not arrive',
      needs: url === undefined ? [] : ['edge-address'],
      look: (signal) => lookAtSpoofed(url, parts, signal),
    },
    {
      code: 'edge-stream',
      title: 'Event streams come through',
      needs: [],
      look: async () =>
        notChecked(
          'Only whoever comes in by the edge can measure this, and the console itself does not.',
          'Open doctor on the page, or run `breakglass doctor --url PUBLIC-ADDRESS`: they measure it.',
        ),
    },
  ];
  return { links };
}

interface Answered {
  readonly status: number;
  readonly body: string;
}

const MOST_BYTES = 64 * 1024;

function ask(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const options = { headers: { 'user-agent': DOCTOR_AGENT, ...headers }, signal: limit, agent: false };
  const secure = { ...options, rejectUnauthorized: false };
  const request = url.startsWith('https:') ? httpsRequest(url, secure) : httpRequest(url, options);
  request.on('response', (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      if (body.length < MOST_BYTES) body += text;
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    response.on('error', reject);
  });
  request.on('error', (error) =>
    reject(limit.aborted ? new Error(`no answer within ${LIMIT_MS / 1_000} s`) : error),
  );
  request.end();
  return promise;
}

const field = (body: string, name: string): unknown => {
  try {
    return Reflect.get(Object(JSON.parse(body)), name);
  } catch {
    return undefined;
  }
};

async function lookAtAddress(url: string | undefined, signal: AbortSignal): Promise<Seen> {
  if (url === undefined)
    return notUsed('BREAKGLASS_PUBLIC_URL is not set: no address is known as the public one.');
  let answered: Answered;
  try {
    answered = await ask(`${url}/health`, {}, signal);
  } catch (error) {
    return broken(
      `${url} is not reached from here: ${whyNotReached(error)}.`,
      'Look at its name (DNS), the edge and its port. If a phone reaches it and only this machine does not, let this machine reach it too: an entry in /etc/hosts, or the name in the inner DNS.',
    );
  }
  const { status, body } = answered;
  if (field(body, 'service') === 'claude-breakglass') return works(`${url} leads to a Breakglass console.`);
  if ((status >= 300 && status < 400) || status === 401 || status === 403)
    return doubtful(
      `${url} answers ${status} to /health: the edge asks for its sign-on first, so what is behind it cannot be seen from here.`,
      'Let /health through at the edge without a sign-on: it tells nothing but that the process is alive.',
    );
  return broken(
    `${url} answers ${status} to /health, and not as a Breakglass console: it leads somewhere else, or the console behind it is not reached.`,
    'Look at where the edge sends this address, and at BREAKGLASS_PUBLIC_URL.',
  );
}

function lookAtIdentity({ trustedProxies, identityHeader, signedHeader, traffic, now }: EdgeParts): Seen {
  if (trustedProxies.length === 0) return notUsed('No proxy is trusted: people sign in here.');
  const header = signedHeader ?? identityHeader;
  const { namedAtMs, unnamedPeople, strangers } = traffic();
  const remedy = `Let the edge send ${header} once, and no look-alike of it (BREAKGLASS_IDENTITY_HEADER, BREAKGLASS_JWT_HEADER); the record says why a signed one was not believed.`;
  if (namedAtMs === undefined) {
    if (unnamedPeople > 0)
      return broken(
        `${timesOf(unnamedPeople)} since the start somebody who is signed in here came through the trusted proxy, and it never named anybody in ${header}.`,
        remedy,
      );
    return notChecked(
      strangers === 0
        ? `Since the start nobody has come in through the trusted proxy, so it is not known whether ${header} arrives.`
        : `Nobody was named in ${header} since the start, and nobody who is signed in here came through the trusted proxy: ${strangers === 1 ? 'one request' : `${strangers} requests`} of strangers say nothing about whether it arrives.`,
      'Open the console by its public address once, then look again. BREAKGLASS_TRUSTED_PROXIES must name the address from which the edge comes.',
    );
  }
  const minutes = Math.round((now() - namedAtMs) / 60_000);
  const named = `Somebody came in with ${header} from the trusted proxy, ${minutes < 1 ? 'a moment' : `${minutes} min`} ago.`;
  if (unnamedPeople === 0) return works(named);
  const lately = `${named} ${timesOf(unnamedPeople)} since then somebody who is signed in here came without it.`;
  // A day is the time between two looks by itself. Within it there may be two ways in, of which both are used.
  return now() - namedAtMs > DAY_MS ? broken(lately, remedy) : doubtful(lately, remedy);
}

const timesOf = (times: number): string => (times === 1 ? 'Once' : `${times} times`);

async function lookAtSpoofed(url: string | undefined, parts: EdgeParts, signal: AbortSignal): Promise<Seen> {
  const { trustedProxies, identityHeader, signedHeader } = parts;
  if (trustedProxies.length === 0) return notUsed('No proxy is trusted, so no such header is ever believed.');
  if (url === undefined)
    return notChecked(
      'BREAKGLASS_PUBLIC_URL is not set, so the edge cannot be asked.',
      'Set it to where people open the console.',
    );
  const made = signedHeader === undefined ? {} : { [signedHeader]: NOBODY };
  let answered: Answered;
  try {
    answered = await ask(`${url}/api/me`, { [identityHeader]: NOBODY, ...made }, signal);
  } catch (error) {
    return notChecked(`${url} is not reached from here: ${reasonOf(error)}.`);
  }
  if (field(answered.body, 'name') === NOBODY)
    return broken(
      `A request to ${url} with a made-up ${identityHeader} was let in: whoever reaches the page can claim to be anybody.`,
      `Let the edge remove ${identityHeader} from what comes in before it sets its own (nginx: proxy_set_header; Traefik: forwardAuth with authResponseHeaders; Caddy: request_header -${identityHeader}).`,
    );
  if (!isOfConsole(answered))
    return notChecked(
      `${url} answers ${answered.status} to such a request before it reaches the console, so it is not known what the edge does with a made-up ${identityHeader} of somebody whom it lets in.`,
      `Signed in at the edge, send one by hand: \`curl -H '${identityHeader}: ${NOBODY}' -b COOKIE-OF-THE-EDGE ${url}/api/me\` must answer with your own name.`,
    );
  return works(`A made-up ${identityHeader} is not believed (${answered.status}).`);
}

/** A sign-on page of the edge is none: what it says of nobody, it does not say of who has signed in there. */
const isOfConsole = ({ body }: Answered): boolean =>
  typeof field(body, 'name') === 'string' || field(body, 'code') === 'unauthenticated';
