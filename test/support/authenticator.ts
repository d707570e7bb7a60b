/** An authenticator in software: signs as Web Authentication Level 3, sections 5.8.1 and 6.3.3, say. */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { coseKeyOf } from '../../src/credentials/cose-key.ts';
import type { Assertion } from '../../src/credentials/passkeys.ts';
import type { Passkey } from '../../src/user.ts';

export interface Ceremony {
  readonly challenge: string;
  readonly origin: string;
  readonly rpId: string;
  readonly signCount?: number;
  /** User present (1) and verified (4) by default. */
  readonly flags?: number;
  readonly type?: string;
  readonly crossOrigin?: boolean;
  readonly userHandle?: string;
}

export function assertionOf(credentialId: string, privateKeyPem: string, ceremony: Ceremony): Assertion {
  const { challenge, origin, rpId, signCount = 0, flags = 5, type = 'webauthn.get' } = ceremony;
  const { crossOrigin = false, userHandle } = ceremony;
  const clientData = Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin }));
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(signCount);
  const authenticatorData = Buffer.concat([sha256(rpId), Buffer.from([flags]), counter]);
  const signed = Buffer.concat([authenticatorData, sha256(clientData)]);
  const text = (bytes: Buffer) => bytes.toString('base64url');
  return {
    credentialId,
    clientData: text(clientData),
    authenticatorData: text(authenticatorData),
    signature: text(sign('sha256', signed, createPrivateKey(privateKeyPem))),
    ...(userHandle ? { userHandle } : {}),
  };
}

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest();

/** A new credential as a store would hold it, and its private key. */
export function newPasskey(more: Partial<Passkey> = {}): { passkey: Passkey; privateKey: string } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = coseKeyOf(pair.publicKey.export({ format: 'jwk' }))!;
  const credentialId = randomBytes(32).toString('base64url');
  return {
    passkey: { credentialId, publicKey, signCount: 0, transports: ['internal'], ...more },
    privateKey: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}
