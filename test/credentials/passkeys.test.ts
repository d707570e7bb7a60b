import { describe, expect, test } from 'vitest';
import type { AssertionOptions } from '../../src/credentials/passkeys.ts';
import { requestOptions, verifyAssertion } from '../../src/credentials/passkeys.ts';
import type { Passkey } from '../../src/user.ts';
import { expected } from '../legacy/stores.ts';
import { assertionOf, newPasskey } from '../support/authenticator.ts';

const CHALLENGE = Buffer.alloc(32, 7).toString('base64url');
const ORIGIN = 'https://login.legacy.example';
const options: AssertionOptions = {
  challenge: CHALLENGE,
  origin: ORIGIN,
  rpId: 'legacy.example',
  userVerification: 'preferred',
};
const ceremony = { challenge: CHALLENGE, origin: ORIGIN, rpId: 'legacy.example', signCount: 30 };

const known = expected('keycloak').flatMap(({ passkeys = [] }) => passkeys);
const [pia, quentin] = known.map((stored) => ({
  privateKey: stored.private_key_pem,
  passkey: {
    credentialId: stored.credential_id,
    publicKey: Buffer.from(stored.public_key_cose, 'base64url'),
    signCount: stored.sign_count,
    transports: stored.transports,
    rpId: stored.rp_id,
    userHandle: stored.user_handle,
  } satisfies Passkey,
}));

const verified = (
  change: Parameters<typeof assertionOf>[2] | object = {},
  { asked = options, passkey = pia!.passkey, key = pia!.privateKey, id = pia!.passkey.credentialId } = {},
) => verifyAssertion(passkey, assertionOf(id, key, { ...ceremony, ...change }), asked);

describe('an assertion by the key of a stored passkey', () => {
  test('is verified, with the authenticator’s own count', async () => {
    expect(await verified()).toEqual({ signCount: 30, userVerified: true });
  });

  test('is verified with the user handle of the store, and refused with another', async () => {
    expect(await verified({ userHandle: pia!.passkey.userHandle })).toBeDefined();
    expect(await verified({ userHandle: quentin!.passkey.userHandle })).toBeUndefined();
  });

  test('may come without a check of the person, unless that is required', async () => {
    expect(await verified({ flags: 1 })).toMatchObject({ userVerified: false });
    const required = { ...options, userVerification: 'required' as const };
    expect(await verified({ flags: 1 }, { asked: required })).toBeUndefined();
    expect(await verified({ flags: 5 }, { asked: required })).toBeDefined();
  });

  test.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['the right host with another port', { origin: `${ORIGIN}:8443` }],
    ['another domain', { rpId: 'evil.example' }],
    ['another challenge', { challenge: Buffer.alloc(32, 8).toString('base64url') }],
    ['nobody present', { flags: 0 }],
    ['a registration', { type: 'webauthn.create' }],
    ['a frame on another site', { crossOrigin: true }],
  ])('is refused for %s', async (_what, change) => {
    expect(await verified(change)).toBeUndefined();
  });

  test('is refused when somebody else’s key signed it, or it names somebody else’s credential', async () => {
    expect(await verified({}, { key: quentin!.privateKey })).toBeUndefined();
    expect(await verified({}, { id: quentin!.passkey.credentialId })).toBeUndefined();
  });

  test('is refused for a passkey that was made for another domain', async () => {
    const passkey = { ...pia!.passkey, rpId: 'other.example' };
    expect(await verified({}, { passkey })).toBeUndefined();
  });

  test.each(['clientData', 'authenticatorData', 'signature'] as const)(
    'is refused with one bit of %s turned, or with none of it',
    async (name) => {
      const { privateKey, passkey } = newPasskey();
      const right = assertionOf(passkey.credentialId, privateKey, ceremony);
      expect(await verifyAssertion(passkey, right, options)).toBeDefined();
      const bytes = Buffer.from(right[name], 'base64url');
      bytes[bytes.length - 1]! ^= 1;
      const changed = { ...right, [name]: bytes.toString('base64url') };
      expect(await verifyAssertion(passkey, changed, options)).toBeUndefined();
      expect(await verifyAssertion(passkey, { ...right, [name]: '' }, options)).toBeUndefined();
    },
  );
});

test('a browser is asked for the stored credentials by name, with the domain and the challenge', () => {
  expect(requestOptions([pia!.passkey, newPasskey({ transports: [] }).passkey], options)).toEqual({
    challenge: CHALLENGE,
    rpId: 'legacy.example',
    userVerification: 'preferred',
    allowCredentials: [
      { type: 'public-key', id: pia!.passkey.credentialId, transports: ['internal', 'hybrid'] },
      { type: 'public-key', id: expect.stringMatching(/^[\w-]{43}$/) },
    ],
  });
});
