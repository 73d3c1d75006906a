// Whether a passkey can work in this browser, under this address.

/** Why this browser cannot, at this address; undefined when it can. */
export function whyNoPasskeys(): string | undefined {
  if (!window.isSecureContext)
    return 'A passkey works only over HTTPS, or on localhost. This address is neither.';
  return 'PublicKeyCredential' in window ? undefined : 'This browser knows no passkeys.';
}
