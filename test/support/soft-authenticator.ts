// An authenticator without a device: it answers as a phone would, and each answer can be wrong in one way.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import type { PasskeyAssertion, PasskeyAttestation } from '../../protocol/bodies.ts';

export interface Answer {
  readonly challenge: string;
  /** Where the browser says that it is. */
  readonly origin: string;
  readonly rpId: string;
  /** Whether it checked the person. */
  readonly verified?: boolean;
  readonly counter?: number;
}

const PRESENT = 0x01;
const VERIFIED = 0x04;
const WITH_A_KEY = 0x40;
const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();
const base64url = (data: Uint8Array | string): string => Buffer.from(data).toString('base64url');

export function softAuthenticator() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const id = randomBytes(16);
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  // COSE (RFC 9053): an EC2 key on P-256 for ES256.
  const cose = isoCBOR.encode(
    new Map<number, number | Uint8Array>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Uint8Array.from(Buffer.from(x, 'base64url'))],
      [-3, Uint8Array.from(Buffer.from(y, 'base64url'))],
    ]),
  );
  const client = (type: string, { challenge, origin }: Answer): string =>
    JSON.stringify({ type, challenge, origin, crossOrigin: false });
  const head = (flags: number, { rpId, verified = true, counter = 0 }: Answer): Buffer => {
    const tail = Buffer.alloc(5);
    tail.writeUInt8(flags | PRESENT | (verified ? VERIFIED : 0));
    tail.writeUInt32BE(counter, 1);
    return Buffer.concat([sha256(rpId), tail]);
  };
  const credential = { id: base64url(id), rawId: base64url(id), type: 'public-key' } as const;
  return {
    make(answer: Answer): PasskeyAttestation {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const authData = Buffer.concat([head(WITH_A_KEY, answer), Buffer.alloc(16), length, id, cose]);
      const attestation = isoCBOR.encode(
        new Map<string, unknown>([
          ['fmt', 'none'],
          ['attStmt', new Map()],
          ['authData', Uint8Array.from(authData)],
        ]) as Parameters<typeof isoCBOR.encode>[0],
      );
      const response = {
        clientDataJSON: base64url(client('webauthn.create', answer)),
        attestationObject: base64url(attestation),
        transports: ['internal'],
      };
      return { ...credential, response };
    },
    get(answer: Answer): PasskeyAssertion {
      const text = client('webauthn.get', answer);
      const authData = head(0, answer);
      const signature = sign('sha256', Buffer.concat([authData, sha256(text)]), privateKey);
      const response = {
        clientDataJSON: base64url(text),
        authenticatorData: base64url(authData),
        signature: base64url(signature),
        userHandle: undefined,
      };
      return { ...credential, response };
    },
  };
}
