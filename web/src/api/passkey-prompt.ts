// Asks the browser, and by it the person, for a passkey. Loaded with the first question: no page load carries it.
import { startAuthentication, startRegistration } from '@simplewebauthn/browser';
import type { PasskeyOptions } from '../../../protocol/access.ts';

type ToMake = Parameters<typeof startRegistration>[0]['optionsJSON'];
type ToAsk = Parameters<typeof startAuthentication>[0]['optionsJSON'];

/** Throws a sentence for a person. */
export function makePasskey({ options }: PasskeyOptions): Promise<unknown> {
  return startRegistration({ optionsJSON: options as unknown as ToMake }).catch(inWords);
}

/** Throws a sentence for a person. */
export function askForPasskey({ options }: PasskeyOptions): Promise<unknown> {
  return startAuthentication({ optionsJSON: options as unknown as ToAsk }).catch(inWords);
}

/** https://www.w3.org/TR/webauthn-3/#sctn-createCredential lists when which error comes. */
function inWords(error: unknown): never {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'AbortError')
    throw new Error('No passkey was given: it was cancelled, took too long, or none is on this device.');
  if (name === 'InvalidStateError') throw new Error('This device has a passkey of yours already.');
  if (name === 'NotSupportedError' || name === 'ConstraintError')
    throw new Error('This device has no passkey that checks a finger, a face or a PIN.');
  if (name === 'SecurityError') throw new Error('Passkeys do not work under this address.');
  throw new Error(`The browser could not do it (${error instanceof Error ? error.message : String(error)}).`);
}
