/** Verifies what an authenticator signed (Web Authentication Level 3, section 7.2). */
import type { AuthenticationResponseJSON, AuthenticatorTransport } from '@simplewebauthn/server';
import type { Passkey } from '../user.ts';

/** Who we are to authenticators. */
export interface RelyingParty {
  /** The domain: our host, or a domain it lies in. */
  readonly rpId: string;
  /** Scheme, host and port of the page that asks. */
  readonly origin: string;
  readonly userVerification: 'required' | 'preferred' | 'discouraged';
}

/** What the browser hands over; all base64url (section 5.1, `toJSON`). */
export interface Assertion {
  readonly credentialId: string;
  readonly clientData: string;
  readonly authenticatorData: string;
  readonly signature: string;
  readonly userHandle?: string | undefined;
}

export interface ProvedAssertion {
  /** As the authenticator counts; whether it may be this is the caller's to judge. */
  readonly signCount: number;
  /** Whether it checked who was there, by PIN, finger or face. */
  readonly userVerified: boolean;
}

export interface AssertionOptions extends RelyingParty {
  /** base64url, as it was sent. That it is used once is the caller's to see to. */
  readonly challenge: string;
}

/** `undefined`: not signed by this key for this challenge, origin and domain, or nobody was verified who had to be. */
export async function verifyAssertion(
  passkey: Passkey,
  assertion: Assertion,
  { challenge, origin, rpId, userVerification }: AssertionOptions,
): Promise<ProvedAssertion | undefined> {
  if (assertion.credentialId !== passkey.credentialId || !belongsTo(passkey, rpId)) return undefined;
  if (assertion.userHandle && passkey.userHandle && assertion.userHandle !== passkey.userHandle)
    return undefined;
  if (isFramed(assertion.clientData)) return undefined;
  try {
    // With all that it needs for certificates it is large, and many stores have no passkeys.
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: responseOf(assertion),
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: rpId,
      requireUserVerification: userVerification === 'required',
      // Counters are compared where the last one seen is kept, so that two at once cannot both pass.
      credential: { id: passkey.credentialId, publicKey: Uint8Array.from(passkey.publicKey), counter: 0 },
    });
    const { newCounter, userVerified } = authenticationInfo;
    return verified ? { signCount: newCounter, userVerified } : undefined;
  } catch {
    // Everything that does not fit is an Error of the library's, with words that quote what was sent.
    return undefined;
  }
}

/** Whether it can be used under this domain; one that does not say is tried. */
export function belongsTo(passkey: Passkey, rpId: string): boolean {
  return passkey.rpId === undefined || passkey.rpId === rpId;
}

/** We are never framed (`frame-ancestors 'none'`): what was signed inside another site's page is not ours. */
function isFramed(clientData: string): boolean {
  try {
    return JSON.parse(Buffer.from(clientData, 'base64url').toString()).crossOrigin === true;
  } catch {
    return true;
  }
}

function responseOf(assertion: Assertion): AuthenticationResponseJSON {
  const { credentialId, clientData, authenticatorData, signature, userHandle } = assertion;
  return {
    id: credentialId,
    rawId: credentialId,
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData,
      authenticatorData,
      signature,
      ...(userHandle ? { userHandle } : {}),
    },
  };
}

/** What `navigator.credentials.get` is asked for; bytes are base64url. */
export function requestOptions(passkeys: readonly Passkey[], options: AssertionOptions) {
  const { challenge, rpId, userVerification } = options;
  return {
    challenge,
    rpId,
    userVerification,
    allowCredentials: passkeys.map(({ credentialId, transports }) => ({
      type: 'public-key' as const,
      id: credentialId,
      ...(transports.length > 0 ? { transports: [...transports] as AuthenticatorTransport[] } : {}),
    })),
  };
}
