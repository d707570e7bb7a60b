/**
 * Signing keys (RS256 and ES256), cookie keys and the JWT hand-over's own, sealed under the master key in `provider_keys`. Of each purpose there
 * is one current key, one next (already published, so that no client ever meets an unknown one) and previous ones.
 */
import { randomBytes } from 'node:crypto';
import type { JWK } from 'jose';
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import { FootbridgeError } from '../errors.ts';
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';

export type KeyPurpose = 'RS256' | 'ES256' | 'cookie' | 'jwt-idp';
export type KeyState = 'next' | 'current' | 'previous';
const PURPOSES: readonly KeyPurpose[] = ['RS256', 'ES256', 'cookie'];
/** Made where the JWT hand-over is set up. */
const JWT_IDP: KeyPurpose = 'jwt-idp';
const RSA_BITS = 2048;

export interface KeyInfo {
  readonly kid: string;
  readonly purpose: KeyPurpose;
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly stateSince: Date;
}

export interface ProviderKeys {
  /** Private JWKs: current first (the first of an algorithm signs), then next, then previous. */
  readonly signing: readonly JWK[];
  /** Of the JWT hand-over, in the same order; none where it was never set up. */
  readonly jwtIdp: readonly JWK[];
  /** Current first; all of them verify. */
  readonly cookie: readonly string[];
  /** Changes whenever any key does. */
  readonly fingerprint: string;
}

interface KeyRow extends KeyInfo {
  readonly sealed: string;
}

const SELECT =
  statement(`select kid, purpose, state, sealed, created_at as "createdAt", state_since as "stateSince"
  from provider_keys order by array_position(array['current', 'next', 'previous'], state), created_at desc`);
const INSERT = statement('insert into provider_keys (kid, purpose, state, sealed) values ($1, $2, $3, $4)');
const LOCK = statement(`select pg_advisory_xact_lock(hashtext('footbridge.provider_keys'))`);

async function makeKey(tx: Queryable, keyring: Keyring, purpose: KeyPurpose, state: KeyState): Promise<void> {
  const made = purpose === 'cookie' ? cookieKey() : await signingKey(purpose === 'ES256' ? 'ES256' : 'RS256');
  await tx.run(INSERT, [made.kid, purpose, state, keyring.seal('provider-key', made.secret, made.kid)]);
}

function cookieKey() {
  return { kid: randomBytes(16).toString('base64url'), secret: randomBytes(32).toString('base64url') };
}

async function signingKey(alg: 'RS256' | 'ES256') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: RSA_BITS });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, secret: JSON.stringify({ ...jwk, kid, alg, use: 'sig' }) };
}

/** Makes what is missing, under a lock: five nodes that start together make one set. */
export async function ensureKeys(
  db: Db,
  keyring: Keyring,
  { jwtIdp = false }: { readonly jwtIdp?: boolean } = {},
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(LOCK);
    const rows = await openAll(tx, keyring);
    for (const purpose of jwtIdp ? [...PURPOSES, JWT_IDP] : PURPOSES) {
      for (const state of ['current', 'next'] as const) {
        if (!rows.some((row) => row.purpose === purpose && row.state === state))
          await makeKey(tx, keyring, purpose, state);
      }
    }
  });
}

/** All of them. Throws config_invalid where the master key is another one: a key made beside it could never be used together with it. */
async function openAll(q: Queryable, keyring: Keyring) {
  return (await q.run<KeyRow>(SELECT)).map((row) => open(row, keyring));
}

function open(row: KeyRow, keyring: Keyring) {
  const secret = keyring.open('provider-key', row.sealed, row.kid);
  if (secret) return { ...row, secret: secret.toString() };
  throw new FootbridgeError('config_invalid', {
    detail: `\`masterKey\` does not open key ${row.kid} of this database: one of the two does not belong here. Name the master key that the database was made with; to change it, name both: masterKey: [new, old]`,
  });
}

export async function loadKeys(db: Db, keyring: Keyring): Promise<ProviderKeys> {
  const opened = await openAll(db, keyring);
  const jwks = (...purposes: readonly KeyPurpose[]) =>
    opened.filter((key) => purposes.includes(key.purpose)).map((key) => JSON.parse(key.secret) as JWK);
  return {
    signing: jwks('RS256', 'ES256'),
    jwtIdp: jwks(JWT_IDP),
    cookie: opened.filter((key) => key.purpose === 'cookie').map((key) => key.secret),
    fingerprint: opened.map((row) => `${row.kid}:${row.state}`).join(' '),
  };
}

/** A compact JWS (RFC 7515) over what is handed on, with a key that signs tokens: `/jwks` verifies it, whatever the profile. */
export async function signWithProvider(db: Db, keyring: Keyring, payload: object): Promise<string> {
  const key = (await loadKeys(db, keyring)).signing.find(({ alg }) => alg === 'ES256');
  if (!key?.alg)
    throw new FootbridgeError('config_invalid', {
      detail: 'there is no signing key yet: start the server once',
    });
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: key.alg, ...(key.kid ? { kid: key.kid } : {}) })
    .sign(await importJWK(key, key.alg));
}

export async function listKeys(db: Queryable): Promise<KeyInfo[]> {
  return (await db.run<KeyRow>(SELECT)).map(({ sealed: _sealed, ...info }) => info);
}

const NEWEST_NEXT = statement(
  `select coalesce(min(extract(epoch from now() - state_since)), 0)::float8 as age from provider_keys where state = 'next'`,
);
const PROMOTE = [
  statement(
    `delete from provider_keys where state = 'previous' and state_since < now() - make_interval(secs => $1::float8)`,
  ),
  statement(`update provider_keys set state = 'previous', state_since = now() where state = 'current'`),
  statement(`update provider_keys set state = 'current', state_since = now() where state = 'next'`),
] as const;

export interface Rotation {
  /** How long a client may keep our key set: a next key younger than this is not yet known to all. */
  readonly publishedForSeconds: number;
  /** How long previous keys stay: longest ID token plus the clients' cache, and the longest session for cookies. */
  readonly keepPreviousSeconds: number;
  readonly force?: boolean;
}

/** next → current → previous, and a new next. Throws rotation_too_early when next was published too recently. */
export async function rotateKeys(db: Db, keyring: Keyring, rotation: Rotation): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(LOCK);
    await openAll(tx, keyring);
    const [newest] = await tx.run<{ age: number }>(NEWEST_NEXT);
    if (!rotation.force && (newest?.age ?? 0) < rotation.publishedForSeconds) {
      const wait = Math.ceil(rotation.publishedForSeconds - (newest?.age ?? 0));
      throw new FootbridgeError('rotation_too_early', {
        detail: `Wait ${wait} s, or use --force.`,
        retryAfterSeconds: wait,
      });
    }
    await tx.run(PROMOTE[0], [rotation.keepPreviousSeconds]);
    await tx.run(PROMOTE[1]);
    await tx.run(PROMOTE[2]);
    const current = (await tx.run<KeyRow>(SELECT)).filter(({ state }) => state === 'current');
    for (const { purpose } of current) await makeKey(tx, keyring, purpose, 'next');
  });
}

const DROP_COOKIE_KEYS = statement(`delete from provider_keys where purpose = 'cookie'`);

/** None of the old ones stays: what browsers have is worth nothing from now on, a login under way begins again. */
export async function replaceCookieKeys(db: Db, keyring: Keyring): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.run(LOCK);
    await openAll(tx, keyring);
    await tx.run(DROP_COOKIE_KEYS);
    await makeKey(tx, keyring, 'cookie', 'current');
    await makeKey(tx, keyring, 'cookie', 'next');
  });
}
