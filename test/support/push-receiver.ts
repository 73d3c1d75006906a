// What a browser and its push service do with a push, by node:crypto alone: the signature of the sender is checked (RFC 8292) and the
// payload is decrypted (RFC 8291, RFC 8188).
import { createDecipheriv, createECDH, createHmac, createPublicKey, randomBytes, verify } from 'node:crypto';
import type { PushSubscriptionBody } from '../../protocol/notifications.ts';
import type { Came } from './post-receiver.ts';

export interface Received {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly ttlS: number;
  readonly urgency: string | undefined;
  readonly topic: string | undefined;
  readonly contact: string;
}

export interface PushBrowser {
  readonly subscription: PushSubscriptionBody;
  /** Throws when anything is not as the standards say, or when another key signed. */
  open(came: Came): Received;
}

/** @param origin of its push service */
export function pushBrowser(
  origin: string,
  publicKey: string,
  path = `/push/${randomBytes(8).toString('hex')}`,
): PushBrowser {
  const pair = createECDH('prime256v1');
  const own = pair.generateKeys();
  const auth = randomBytes(16);
  const text = (bytes: Buffer): string => bytes.toString('base64url');
  return {
    subscription: { endpoint: origin + path, keys: { p256dh: text(own), auth: text(auth) } },
    open({ headers, body, path: at }) {
      if (at !== path) throw new Error(`it went to ${at}`);
      if (headers['content-encoding'] !== 'aes128gcm') throw new Error('it is not aes128gcm');
      const [salt, keyLength = 0] = [body.subarray(0, 16), body[20]];
      const theirs = body.subarray(21, 21 + keyLength);
      const sealed = body.subarray(21 + keyLength);
      const shared = hmac(auth, pair.computeSecret(theirs));
      const input = hmac(
        shared,
        Buffer.concat([Buffer.from('WebPush: info\0'), own, theirs, Buffer.from([1])]),
      );
      const secret = hmac(salt, input);
      const key = hmac(secret, Buffer.from('Content-Encoding: aes128gcm\0\x01')).subarray(0, 16);
      const nonce = hmac(secret, Buffer.from('Content-Encoding: nonce\0\x01')).subarray(0, 12);
      const opening = createDecipheriv('aes-128-gcm', key, nonce).setAuthTag(sealed.subarray(-16));
      const plain = Buffer.concat([opening.update(sealed.subarray(0, -16)), opening.final()]);
      const end = plain.lastIndexOf(2);
      if (plain.subarray(end + 1).some((byte) => byte !== 0)) throw new Error('the padding is wrong');
      return {
        payload: JSON.parse(plain.subarray(0, end).toString('utf8')) as Record<string, unknown>,
        ttlS: Number(headers['ttl']),
        urgency: one(headers['urgency']),
        topic: one(headers['topic']),
        contact: checkSender(headers.authorization ?? '', publicKey, origin),
      };
    },
  };
}

const one = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const hmac = (key: Buffer, data: Buffer): Buffer => createHmac('sha256', key).update(data).digest();

/** -> whom the push service may write to */
function checkSender(authorization: string, publicKey: string, origin: string): string {
  const { token = '', key = '' } =
    /^vapid t=(?<token>[\w.-]+), ?k=(?<key>[\w-]+)$/.exec(authorization)?.groups ?? {};
  if (key !== publicKey) throw new Error(`another key signed: ${authorization}`);
  const [head = '', claims = '', signature = ''] = token.split('.');
  const point = Buffer.from(key, 'base64url');
  const sender = createPublicKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
  const good = verify(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    { key: sender, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  if (!good) throw new Error('the signature of the sender is wrong');
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<
    string,
    unknown
  >;
  const inS = Number(exp) - Date.now() / 1_000;
  if (aud !== origin || inS <= 0 || inS > 24 * 3_600) throw new Error(`not for us or not now: ${claims}`);
  return String(sub);
}
