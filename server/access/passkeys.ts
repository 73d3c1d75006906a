// Passkeys: enrolled by whoever is in, and the way in when single sign-on is away. The library is loaded with the first of them.
import type { PasskeyAssertion, PasskeyAttestation } from '../../protocol/bodies.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import { CHALLENGE_LIFE_MS, Challenges } from './challenges.ts';
import type { Member } from './identity.ts';
import type { StoredPasskey } from './key-file.ts';
import { digestOf, type Keyring } from './keyring.ts';
import type { RelyingParty } from './relying-party.ts';

export type Place = Extract<RelyingParty, { readonly type: 'works' }>;

interface ToEnrol {
  readonly label: string;
  readonly answer: PasskeyAttestation;
}

/** EdDSA, ES256 and RS256 (COSE): what every device can do one of. */
const ALGORITHMS = [-8, -7, -257];
const SIGN_IN = 'sign in';
const enrolFor = ({ how, name, root }: Member): string => JSON.stringify(['enrol', how, name, root]);
const webAuthn = () => import('@simplewebauthn/server');

export class Passkeys {
  readonly #keyring: Keyring;
  readonly #challenges: Challenges;

  constructor(keyring: Keyring, challenges: Challenges = new Challenges()) {
    this.#keyring = keyring;
    this.#challenges = challenges;
  }

  async enrolOptions(identity: Member, { id }: Place) {
    const { generateRegistrationOptions } = await webAuthn();
    return generateRegistrationOptions({
      rpName: 'Breakglass',
      rpID: id,
      userName: identity.name,
      // The same for one person, so that a second passkey on one device takes the place of the first there.
      userID: Uint8Array.from(Buffer.from(digestOf(enrolFor(identity)), 'base64url')),
      challenge: this.#challenges.make(enrolFor(identity)),
      timeout: CHALLENGE_LIFE_MS,
      supportedAlgorithmIDs: ALGORITHMS,
      excludeCredentials: this.#keyring
        .passkeys()
        .filter((each) => each.rp_id === id && each.root === identity.root && each.name === identity.name)
        .map((each) => ({ id: each.id, transports: each.transports })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
  }

  /** Throws `invalid-input` for what does not verify. */
  async enrol(identity: Member, place: Place, { label, answer }: ToEnrol): Promise<StoredPasskey> {
    const { verifyRegistrationResponse } = await webAuthn();
    let used = '';
    const purpose = enrolFor(identity);
    const verified = await verifyRegistrationResponse({
      response: { ...answer, response: withTransports(answer), clientExtensionResults: {} },
      expectedChallenge: (challenge) => {
        used = challenge;
        return this.#challenges.isGood(challenge, purpose);
      },
      expectedOrigin: place.origin,
      expectedRPID: place.id,
      supportedAlgorithmIDs: ALGORITHMS,
      requireUserVerification: true,
    }).catch((error: unknown) => {
      throw new BreakglassError(
        'invalid-input',
        `This passkey could not be checked: try again. (${sentence(error)})`,
      );
    });
    if (!verified.verified || !this.#challenges.spend(used, purpose))
      throw new BreakglassError('invalid-input', 'This passkey could not be checked: try again.');
    const { credential } = verified.registrationInfo;
    return this.#keyring.addPasskey({
      id: credential.id,
      public_key: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports: answer.response.transports ?? [],
      label,
      name: identity.name,
      role: identity.role,
      root: identity.root,
      rp_id: place.id,
    });
  }

  async signInOptions({ id }: Place) {
    const { generateAuthenticationOptions } = await webAuthn();
    return generateAuthenticationOptions({
      rpID: id,
      challenge: this.#challenges.make(SIGN_IN),
      timeout: CHALLENGE_LIFE_MS,
      userVerification: 'required',
    });
  }

  /** Whose passkey this is. Undefined when it is none of ours, did not verify the person, was answered late or twice, or is a copy. */
  async redeem(answer: PasskeyAssertion, place: Place): Promise<StoredPasskey | undefined> {
    const passkey = this.#keyring.passkeys().find(({ id, rp_id }) => id === answer.id && rp_id === place.id);
    if (passkey === undefined || answer.rawId !== answer.id) return undefined;
    const { verifyAuthenticationResponse } = await webAuthn();
    let used = '';
    const verified = await verifyAuthenticationResponse({
      response: { ...answer, response: withHandle(answer), clientExtensionResults: {} },
      expectedChallenge: (challenge) => {
        used = challenge;
        return this.#challenges.isGood(challenge, SIGN_IN);
      },
      expectedOrigin: place.origin,
      expectedRPID: place.id,
      credential: {
        id: passkey.id,
        publicKey: Uint8Array.from(Buffer.from(passkey.public_key, 'base64url')),
        counter: passkey.counter,
        transports: passkey.transports,
      },
      requireUserVerification: true,
    }).catch(() => undefined);
    // Of two that come at the same time one is good; and somebody may have removed it meanwhile.
    if (verified?.verified !== true || !this.#challenges.spend(used, SIGN_IN)) return undefined;
    if (!this.#keyring.passkeys().some(({ id }) => id === passkey.id)) return undefined;
    this.#keyring.passkeyUsed(passkey.id, verified.authenticationInfo.newCounter);
    return passkey;
  }
}

const withTransports = ({
  response: { clientDataJSON, attestationObject, transports },
}: PasskeyAttestation) => ({
  clientDataJSON,
  attestationObject,
  ...(transports === undefined ? {} : { transports }),
});

function withHandle({
  response: { clientDataJSON, authenticatorData, signature, userHandle },
}: PasskeyAssertion) {
  const signed = { clientDataJSON, authenticatorData, signature };
  return userHandle === undefined ? signed : { ...signed, userHandle };
}

const sentence = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 200);
