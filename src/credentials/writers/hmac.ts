import type { Accepted } from '../accepted-format.ts';
import type { HashOf, ParsedHash } from '../hash.ts';
import type { Writer } from '../written.ts';
import { bounded, textOf } from '../written.ts';

type Hmac = 'hmac-kratos' | 'hmac-auth0' | 'hmac-cidaas';

const toBase64 = (bytes: Uint8Array | string) => Buffer.from(bytes as string).toString('base64');

function accepts(hash: ParsedHash, { digests }: Accepted<Hmac>): hash is HashOf<'hmac'> {
  return hash.algorithm === 'hmac' && digests.includes(hash.parameters.digest);
}

export const hmacWriters = {
  /** Kratos compares the hex texts, so that it is the text that is written in base64. */
  'hmac-kratos'(hash, accepted) {
    if (!accepts(hash, accepted)) return undefined;
    const value = toBase64(Buffer.from(hash.digest).toString('hex'));
    return bounded(true, `$hmac-${hash.parameters.digest}$${value}$${toBase64(hash.salt)}`, accepted);
  },
  'hmac-auth0'(hash, accepted) {
    if (!accepts(hash, accepted)) return undefined;
    const value = {
      value: Buffer.from(hash.digest).toString('hex'),
      encoding: 'hex',
      digest: hash.parameters.digest,
      key: { value: toBase64(hash.salt), encoding: 'base64' },
    };
    return bounded(true, { custom_password_hash: { algorithm: 'hmac', hash: value } }, accepted);
  },
  'hmac-cidaas'(hash, accepted) {
    if (!accepts(hash, accepted)) return undefined;
    const key = textOf(hash.salt);
    if (key === undefined) return { reason: 'salt_not_representable' };
    const algorithmTypeId = `HMAC-${hash.parameters.digest.toUpperCase().replace('SHA', 'SHA-')}`;
    const passwordHash = Buffer.from(hash.digest).toString('hex');
    return bounded(true, { algorithmTypeId, passwordHash, hData: { key } }, accepted);
  },
} satisfies { [W in Hmac]: Writer<W> };
