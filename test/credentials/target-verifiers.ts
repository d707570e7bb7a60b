/**
 * What targets do at a login, written down once more with node:crypto and npm `bcrypt` alone, so that nothing of the
 * code under test vouches for itself. crypt(3) strings are left out: `crypts.test.ts` has answers of others for them.
 */
import { argon2Sync, createCipheriv, createHash, createHmac, pbkdf2Sync, scryptSync } from 'node:crypto';
import bcrypt from 'bcrypt';

type Verify = (encoded: string, password: string) => boolean;

const decode = (text: string | undefined) => Buffer.from((text ?? '').replaceAll('.', '+'), 'base64');
const parts = (encoded: string) => encoded.split('$').slice(1);
const numbers = (text = '') => [...text.matchAll(/=(\d+)/g)].map(([, digits]) => Number(digits));
const digest = (name: string, ...data: (string | Uint8Array)[]) =>
  data.reduce((hash, part) => hash.update(part), createHash(name)).digest();

/** The same hash is written for several targets: what takes long is derived once. */
const derived = new Map<string, string>();
function once(parts: readonly unknown[], derive: () => Buffer | string): string {
  const key = parts.map((part) => (part instanceof Buffer ? part.toString('hex') : String(part))).join(' ');
  const known = derived.get(key) ?? Buffer.from(derive() as string).toString('hex');
  derived.set(key, known);
  return known;
}
const toHex = (value: Buffer | string) => Buffer.from(value as string).toString('hex');

const isBcrypt: Verify = (encoded, password) => {
  const text = encoded.replace('$2y$', '$2b$').replace('$2a$', '$2b$');
  const salt = text.slice(0, 29);
  return once(['bcrypt', salt, password], () => bcrypt.hashSync(password, salt)) === toHex(text);
};

const isArgon2: Verify = (encoded, password) => {
  const [name, version, costs, salt, key] = parts(encoded);
  const [memory = 0, passes = 0, parallelism = 0] = numbers(costs);
  if (version !== 'v=19' || !/^m=\d+,t=\d+,p=\d+$/.test(costs ?? '')) return false;
  return argon2(name as 'argon2id', password, {
    memory,
    passes,
    parallelism,
    salt: decode(salt),
    key: decode(key),
  });
};

function argon2(
  name: 'argon2id' | 'argon2i' | 'argon2d',
  password: string,
  given: { memory: number; passes: number; parallelism: number; salt: Buffer; key: Buffer },
): boolean {
  const { salt, key, ...costs } = given;
  const { length: tagLength } = key;
  const parts = [name, password, salt, tagLength, costs.memory, costs.passes, costs.parallelism];
  const derive = () => argon2Sync(name, { message: password, nonce: salt, tagLength, ...costs });
  return once(parts, derive) === toHex(key);
}

const isPbkdf2 = (password: string, salt: Buffer, key: Buffer, [name, rounds]: [string, number]) =>
  once([name, password, salt, key.length, rounds], () =>
    pbkdf2Sync(password, salt, rounds, key.length, name),
  ) === toHex(key);

const isScrypt = (password: string, salt: Buffer, key: Buffer, [N, r, p]: number[]) =>
  once(['scrypt', password, salt, key.length, N, r, p], () =>
    scryptSync(password, salt, key.length, { N: N!, r: r!, p: p!, maxmem: 2 ** 30 }),
  ) === toHex(key);

const kratosDigest: Verify = (encoded, password) => {
  const all = parts(encoded);
  if (all.length === 2) return digest('md5', password).equals(decode(all[1]));
  const [name = '', pattern = '', salt, hash] = all;
  const marks = {
    '{SALT}': decode(salt).toString('latin1'),
    '{PASSWORD}': Buffer.from(password).toString('latin1'),
  };
  const message = decode(pattern.replace('pf=', ''))
    .toString('latin1')
    .replace(/\{SALT\}|\{PASSWORD\}/g, (mark) => marks[mark as '{SALT}']);
  return digest(name, Buffer.from(message, 'latin1')).equals(decode(hash));
};

const firebase: Verify = (encoded, password) => {
  const [, costs, salt, hash, separator, signer] = parts(encoded);
  const [log2N = 0, r = 0, p = 0] = numbers(costs);
  const key = scryptSync(password, Buffer.concat([decode(salt), decode(separator)]), 32, {
    N: 2 ** log2N,
    r,
    p,
    maxmem: 2 ** 30,
  });
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(decode(signer)).equals(decode(hash));
};

const hmac: Verify = (encoded, password) => {
  const [name = '', value, key] = parts(encoded);
  const hex = createHmac(name.replace('hmac-', ''), decode(key)).update(password).digest('hex');
  return hex === decode(value).toString();
};

const saltedMd5: Verify = (encoded, password) => {
  const [name, salt = '', hash] = parts(encoded);
  const message = name === 'md5salted-prefix' ? salt + password : password + salt;
  return digest('md5', message).equals(decode(hash));
};

const ITOA64 = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** phpass and Drupal 7: the result is compared as far as it was kept. */
const portable =
  (name: 'md5' | 'sha512'): Verify =>
  (encoded, password) => {
    let result = digest(name, encoded.slice(4, 12), password);
    for (let left = 2 ** ITOA64.indexOf(encoded[3]!); left > 0; left -= 1)
      result = digest(name, result, password);
    let bits = 0n;
    for (const [at, byte] of result.entries()) bits |= BigInt(byte) << BigInt(8 * at);
    const length = encoded.length - 12;
    const text = Array.from({ length }, (_, at) => ITOA64[Number((bits >> BigInt(6 * at)) & 63n)]).join('');
    // Groups of three bytes are little-endian, so that the whole is.
    return text === encoded.slice(12);
  };

const pbkdf2 =
  (name: (id: string) => string): Verify =>
  (encoded, password) => {
    const [id = '', costs = '', salt, key] = parts(encoded);
    const rounds = Number(/\d+/.exec(costs)?.[0]);
    return isPbkdf2(password, decode(salt), decode(key), [name(id), rounds]);
  };

const scrypt =
  (cost: (ln: number) => number): Verify =>
  (encoded, password) => {
    const [, costs, salt, key] = parts(encoded);
    const [ln = 0, r = 0, p = 0] = numbers(costs);
    return isScrypt(password, decode(salt), decode(key), [cost(ln), r, p]);
  };

/** By the kind of writing. */
export const TEXTS: Readonly<Record<string, Verify>> = {
  bcrypt: isBcrypt,
  argon2: isArgon2,
  'pbkdf2-passlib': pbkdf2((id) => id.split('-')[1] ?? 'sha1'),
  'pbkdf2-kratos': pbkdf2((id) => id.split('-')[1]!),
  'scrypt-passwap': scrypt((ln) => 2 ** ln),
  'scrypt-kratos': scrypt((ln) => ln),
  'firebase-kratos': firebase,
  'hmac-kratos': hmac,
  'digest-kratos': kratosDigest,
  phpass: portable('md5'),
  drupal7: portable('sha512'),
  md5plain: (encoded, password) => digest('md5', password).toString('hex') === encoded,
  'md5salted-prefix': saltedMd5,
  'md5salted-suffix': saltedMd5,
};

interface Keycloak {
  readonly secretData: string;
  readonly credentialData: string;
}

export function keycloak({ secretData, credentialData }: Keycloak, password: string): boolean {
  const { value, salt } = JSON.parse(secretData);
  const { hashIterations, algorithm, additionalParameters: more } = JSON.parse(credentialData);
  if (algorithm !== 'argon2') {
    const name = algorithm === 'pbkdf2' ? 'sha1' : algorithm.replace('pbkdf2-', '');
    return isPbkdf2(password, decode(salt), decode(value), [name, hashIterations]);
  }
  return argon2(`argon2${more.type[0]}` as 'argon2id', password, {
    memory: Number(more.memory[0]),
    passes: hashIterations,
    parallelism: Number(more.parallelism[0]),
    salt: decode(salt),
    key: decode(value),
  });
}

interface Valued {
  readonly value: string;
  readonly encoding?: BufferEncoding;
}
interface Auth0 {
  readonly password_hash?: string;
  readonly custom_password_hash?: {
    readonly algorithm: string;
    readonly hash: Valued & { readonly digest?: string; readonly key?: Valued };
    readonly salt?: Valued & { readonly position?: 'prefix' | 'suffix' };
    readonly cost?: number;
    readonly blockSize?: number;
    readonly parallelization?: number;
  };
}

const bytesOf = ({ value, encoding = 'utf8' }: Valued) => Buffer.from(value, encoding);

export function auth0(
  { password_hash: text, custom_password_hash: custom }: Auth0,
  password: string,
): boolean {
  if (text) return /^\$2[ab]\$10\$/.test(text) && isBcrypt(text, password);
  const { algorithm, hash, salt, cost, blockSize, parallelization } = custom!;
  switch (algorithm) {
    case 'bcrypt':
      return isBcrypt(hash.value, password);
    case 'argon2':
      return isArgon2(hash.value, password);
    case 'pbkdf2':
      return TEXTS['pbkdf2-kratos']!(hash.value, password);
    case 'scrypt':
      return isScrypt(password, bytesOf(salt!), bytesOf(hash), [cost!, blockSize!, parallelization!]);
    case 'hmac':
      return createHmac(hash.digest!, bytesOf(hash.key!)).update(password).digest().equals(bytesOf(hash));
    default: {
      const beside = salt ? bytesOf(salt) : '';
      const message = salt?.position === 'suffix' ? [password, beside] : [beside, password];
      return digest(algorithm, ...message).equals(bytesOf(hash));
    }
  }
}

interface Cidaas {
  readonly algorithmTypeId: string;
  readonly passwordHash: string;
  readonly hData?: { readonly key?: string };
}

export function cidaas({ algorithmTypeId: type, passwordHash, hData }: Cidaas, password: string): boolean {
  if (type === 'ARGON') return isArgon2(passwordHash, password);
  if (type.startsWith('BCRYPT_')) return isBcrypt(passwordHash, password);
  if (type === 'HMAC-SHA-256')
    return createHmac('sha256', hData!.key!).update(password).digest('hex') === passwordHash;
  return digest(type.toLowerCase(), password).toString('hex') === passwordHash;
}

/** Undefined for crypt(3) strings. */
export function logsIn(
  target: string,
  { format, encoded }: { format: string; encoded: string | object },
  password: string,
): boolean | undefined {
  if (target === 'keycloak') return keycloak(encoded as Keycloak, password);
  if (target === 'auth0') return auth0(encoded as Auth0, password);
  if (target === 'cidaas') return cidaas(encoded as Cidaas, password);
  return TEXTS[format]?.(encoded as string, password);
}
