/** Passwords as cidaas' documentation says that it checks them, with the libraries that everybody uses. */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { verify as verifyArgon2 } from 'argon2';
import bcrypt from 'bcrypt';

export interface PasswordHashInfo {
  readonly algorithmTypeId: string;
  readonly passwordHash: string;
  readonly hData?: { salt?: string; key?: string; iterations?: number; keylen?: number };
}

/** Not documented; any would do here. */
const PBKDF2_DIGEST = 'sha512';
const REHASH_COST = 4;
const MEMBERS = new Set(['algorithmTypeId', 'passwordHash', 'hData']);
const DATA = new Set(['salt', 'key', 'iterations', 'keylen']);
const HEX_LENGTHS: Readonly<Record<string, number>> = { SHA1: 40, SHA256: 64, 'HMAC-SHA-256': 64 };

/** What is wrong with it; undefined where it can be checked. */
export function problemWithPassword(given: unknown, custom: string | undefined): string | undefined {
  if (typeof given !== 'object' || given === null) return 'invalid password_hash_info';
  const { algorithmTypeId: name, passwordHash, hData } = given as PasswordHashInfo;
  if (Object.keys(given).some((key) => !MEMBERS.has(key))) return 'unknown field in password_hash_info';
  if (Object.keys(hData ?? {}).some((key) => !DATA.has(key))) return 'unknown field in hData';
  if (typeof passwordHash !== 'string' || passwordHash === '') return 'passwordHash is required';
  const length = HEX_LENGTHS[name];
  if (length !== undefined) {
    return new RegExp(`^[0-9a-f]{${length}}$`).test(passwordHash) ? undefined : 'invalid passwordHash';
  }
  const cost = Number(/^BCRYPT_(\d{1,2})$/.exec(String(name))?.[1]);
  if (cost >= 1 && cost <= 20) {
    return /^\$2[ab]\$\d\d\$.{53}$/.test(passwordHash) ? undefined : 'invalid passwordHash';
  }
  if (name === 'ARGON') return passwordHash.startsWith('$argon2') ? undefined : 'invalid passwordHash';
  if (name === 'PBKDF2') return hData?.iterations && hData.keylen ? undefined : 'hData is incomplete';
  return name === custom ? undefined : 'unknown algorithmTypeId';
}

/** Throws where the service that is asked about a custom algorithm does not answer as it is to. */
export async function opens(
  stored: PasswordHashInfo,
  password: string,
  custom: { readonly url: string } | undefined,
): Promise<boolean> {
  const { algorithmTypeId: name, passwordHash, hData = {} } = stored;
  const isHash = (bytes: Buffer) => sameText(bytes.toString('hex'), passwordHash);
  if (name === 'SHA1' || name === 'SHA256') return isHash(createHash(name).update(password).digest());
  if (name === 'HMAC-SHA-256')
    return isHash(
      createHmac('sha256', hData.key ?? '')
        .update(password)
        .digest(),
    );
  if (name.startsWith('BCRYPT_')) return bcrypt.compare(password, passwordHash);
  if (name === 'ARGON') return verifyArgon2(passwordHash, password);
  if (name === 'PBKDF2') {
    const { salt = '', iterations = 1, keylen = 32 } = hData;
    return isHash(pbkdf2Sync(password, salt, iterations, keylen, PBKDF2_DIGEST));
  }
  return custom !== undefined && asked(custom.url, { stored, password });
}

async function asked(url: string, { stored, password }: { stored: PasswordHashInfo; password: string }) {
  const { algorithmTypeId: algorithm, passwordHash, hData = {} } = stored;
  const passwordVerification = { passwordHash, hData: { salt: hData.salt ?? '' } };
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ passwordVerification, password, algorithm }),
  });
  const answer = (await response.json()) as {
    status?: number;
    success?: boolean;
    data?: { verified?: unknown };
  };
  const isWellFormed = response.status === 200 && answer.status === 200 && answer.success === true;
  if (!isWellFormed || typeof answer.data?.verified !== 'boolean')
    throw new Error('not an answer to this question');
  return answer.data.verified;
}

/** What cidaas stores once somebody else has found a password right. */
export const rehashed = async (password: string): Promise<PasswordHashInfo> => ({
  algorithmTypeId: `BCRYPT_${REHASH_COST}`,
  passwordHash: await bcrypt.hash(password, REHASH_COST),
});

const sameText = (a: string, b: string) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
