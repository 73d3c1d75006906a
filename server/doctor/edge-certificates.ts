// The certificates that people meet: that of the public address and the console's own, with the authorities that come along with them. Nothing
// secret is sent, so nothing depends on whom TLS leads to.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { broken, doubtful, notUsed, type Seen, works } from './link.ts';

const LIMIT_MS = 8_000;
const DAY_MS = 86_400_000;
const FEW_DAYS = 14;
/** An automatic renewal that has not come by now does not come. */
const HARDLY_ANY_DAYS = 3;

export interface CertificateParts {
  /** The file of the console's own certificate, where it speaks TLS itself. */
  readonly ownCertificate: string | undefined;
  readonly now: () => number;
}

interface Certificate {
  readonly of: string;
  /** An authority between it and the root, that comes along with it: the whole way ends with its time. */
  readonly isBetween: boolean;
  readonly until: Date;
  /** Why this machine would not believe it, its time aside. */
  readonly distrusted: string | undefined;
}

export async function lookAtCertificates(
  url: string | undefined,
  parts: CertificateParts,
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
