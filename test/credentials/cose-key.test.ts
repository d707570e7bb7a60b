import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';
import { describe, expect, test } from 'vitest';
import { coseKeyOf } from '../../src/credentials/cose-key.ts';
import { expected } from '../legacy/stores.ts';

const { private_key_pem, public_key_cose } = expected('keycloak').flatMap(
  ({ passkeys = [] }) => passkeys,
)[0]!;
const publicKey = createPublicKey(private_key_pem);
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('base64url');

describe('the public key of a P-256 passkey', () => {
  const jwk = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([
    Buffer.from([4]),
    Buffer.from(jwk.x!, 'base64url'),
    Buffer.from(jwk.y!, 'base64url'),
  ]);

  test.each<[string, Uint8Array | string | object]>([
    ['a COSE key', Buffer.from(public_key_cose, 'base64url')],
    ['SPKI in DER', publicKey.export({ format: 'der', type: 'spki' })],
    ['SPKI in PEM', publicKey.export({ format: 'pem', type: 'spki' }).toString()],
    ['a JWK', jwk],
    ['a bare point', point],
  ])('is the same COSE key out of %s', (_what, key) => {
    expect(text(coseKeyOf(key))).toBe(public_key_cose);
  });

  test.each<[string, Uint8Array | string | object]>([
    ['nothing', new Uint8Array()],
    ['a CBOR map that is no key', isoCBOR.encode(new Map([[1, 'x']]))],
    ['CBOR that breaks off', Buffer.from(public_key_cose, 'base64url').subarray(0, 20)],
    ['a point that is not on the curve', Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)])],
    ['a private JWK’s empty twin', { kty: 'EC', crv: 'P-256' }],
    ['a text that is no PEM', '-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----'],
    ['more bytes than a key has', Buffer.alloc(3_000, 0xa1)],
  ])('is not read out of %s', (_what, key) => {
    expect(coseKeyOf(key)).toBeUndefined();
  });
});

test.each([
  ['ed25519', generateKeyPairSync('ed25519').publicKey, [1, -8]],
  ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, [2, -35]],
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, [3, -257]],
] as const)('a key of %s gets its type and algorithm', (_what, key, [kty, alg]) => {
  const map = isoCBOR.decodeFirst<Map<number, number>>(
    coseKeyOf(key.export({ format: 'der', type: 'spki' }))!,
  );
  expect([map.get(1), map.get(3)]).toEqual([kty, alg]);
});

test('a curve that no authenticator uses is refused', () => {
  const { publicKey: odd } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  expect(coseKeyOf(odd.export({ format: 'der', type: 'spki' }))).toBeUndefined();
});
