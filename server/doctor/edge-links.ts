// How people come in: the public address, its certificate, and whether the edge's word is the edge's. Nothing secret is sent, so nothing
// depends on whom TLS leads to; that is a link of its own.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { DOCTOR_AGENT, type EdgeTraffic } from '../access/edge-traffic.ts';
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

export interface EdgeParts {
  /** Where people open the console; the first is looked at. */
  readonly publicUrls: readonly string[];
  readonly trustedProxies: readonly string[];
  /** The header that names people; lower case. */
  readonly identityHeader: string;
  /** The one that brings a JWT, where the edge signs. */
  readonly signedHeader: string | undefined;
  readonly traffic: () => EdgeTraffic;
  /** The file of the console's own certificate, where it speaks TLS itself. */
  readonly ownCertificate: string | undefined;
  readonly now: () => number;
}

const LIMIT_MS = 8_000;
const DAY_MS = 86_400_000;
const FEW_DAYS = 14;
/** An automatic renewal that has not come by now does not come. */
const HARDLY_ANY_DAYS = 3;
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

interface Certificate {
  readonly of: string;
  /** An authority between it and the root, that comes along with it: the whole way ends with its time. */
  readonly isBetween: boolean;
  readonly until: Date;
  /** Why this machine would not believe it, its time aside. */
  readonly distrusted: string | undefined;
}

async function lookAtCertificates(
  url: string | undefined,
  parts: EdgeParts,
  signal: AbortSignal,
): Promise<Seen> {
  const found: Certificate[] = [];
  if (parts.ownCertificate !== undefined) {
    found.push(...certificatesIn(parts.ownCertificate, await readFile(parts.ownCertificate, 'utf8')));
  }
  if (url?.startsWith('https:') === true) found.push(...(await certificatesOf(url, signal)));
  if (found.length === 0) return notUsed('Neither the console nor its public address uses TLS.');
  const seen = found.map((each) => verdictOf(each, parts.now()));
  return (
    seen.find(({ state }) => state === 'broken') ??
    seen.find(({ state }) => state === 'doubtful') ??
    works(
      seen
        .filter((_each, index) => found[index]?.isBetween === false)
        .map(({ detail }) => detail)
        .join(' '),
    )
  );
}

/** Its own certificate comes first in such a file, then those between it and the root, which may be there too. */
function certificatesIn(file: string, text: string): Certificate[] {
  const all = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [text];
  return all
    .map((pem) => new X509Certificate(pem))
    .filter((each, index) => index === 0 || each.subject !== each.issuer)
    .map(({ validToDate: until, subject }, index) => ({
      of: index === 0 ? file : betweenWords(subject.replaceAll('\n', ', '), file),
      isBetween: index > 0,
      until,
      distrusted: undefined,
    }));
}

const betweenWords = (authority: string, where: string): string =>
  `the authority ${authority}, which comes along with that of ${where},`;

function verdictOf({ of, until, distrusted, isBetween }: Certificate, nowMs: number): Seen {
  const days = Math.floor((until.getTime() - nowMs) / DAY_MS);
  const date = until.toISOString().slice(0, 10);
  const remedy = isBetween
    ? 'Give whoever ends TLS the whole new chain (fullchain.pem, not cert.pem with an old chain beside it), and restart what reads it.'
    : `Renew it now, and see why its renewal did not come by itself (certbot renew, cert-manager, the log of the edge). After it the console itself needs a restart where it reads the file ${of.startsWith('/') ? of : ''}`.trim();
  if (days < 0) return broken(`The certificate of ${of} ended on ${date}: browsers refuse the page.`, remedy);
  // There may be another way to a root that browsers know.
  if (days < HARDLY_ANY_DAYS && !isBetween)
    return broken(`The certificate of ${of} ends on ${date}, in ${days} days.`, remedy);
  if (distrusted !== undefined)
    return doubtful(
      `The certificate of ${of} is not trusted by this machine (${distrusted}), so a browser may refuse it too.`,
      'Use one of an authority that phones know, or install the own authority on every device, and name it here in NODE_EXTRA_CA_CERTS.',
    );
  if (days < FEW_DAYS) return doubtful(`The certificate of ${of} ends on ${date}, in ${days} days.`, remedy);
  return works(`The certificate of ${of} is good for ${days} days.`);
}

async function certificatesOf(url: string, signal: AbortSignal): Promise<Certificate[]> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({
    host,
    port: port === '' ? 443 : Number(port),
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  const { promise, resolve, reject } = Promise.withResolvers<Certificate[]>();
  limit.addEventListener('abort', () => reject(new Error(`no TLS within ${LIMIT_MS / 1_000} s`)), {
    once: true,
  });
  socket.on('error', reject);
  socket.once('secureConnect', () => {
    const { authorized, authorizationError } = socket;
    const why = String(authorizationError ?? '');
    const own = socket.getPeerCertificate(true);
    const between = authoritiesOf(own).map((each) => ({
      of: betweenWords([each.subject.CN ?? each.serialNumber].flat().join(', '), url),
      isBetween: true,
      until: new Date(each.valid_to),
      distrusted: undefined,
    }));
    resolve([
      {
        of: url,
        isBetween: false,
        until: new Date(own.valid_to),
        distrusted: authorized || why.includes('CERT_HAS_EXPIRED') ? undefined : why.slice(0, 200),
      },
      // One that is over hurts nobody where there is another way to a root.
      ...between.filter(({ until }) => !authorized || until.getTime() > Date.now()),
    ]);
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** Those that issued it, without the root: it is on every device, and its date decides nothing there. */
function authoritiesOf(own: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const found: DetailedPeerCertificate[] = [];
  for (let each = own.issuerCertificate; each !== undefined; each = each.issuerCertificate) {
    const isRoot = each.fingerprint256 === each.issuerCertificate?.fingerprint256;
    if (isRoot || each.fingerprint256 === own.fingerprint256) break;
    found.push(each);
  }
  return found;
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
