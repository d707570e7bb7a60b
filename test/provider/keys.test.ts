import { randomBytes } from 'node:crypto';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ensureKeys, listKeys, loadKeys, replaceCookieKeys, rotateKeys } from '../../src/provider/keys.ts';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import type { Keyring } from '../../src/store/encryption.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';
import { authorizationUrl, CALLBACK, codeOf, logIn, openStage, redeem } from './harness.ts';

const newKeyring = () => openKeyring(new Secret(randomBytes(32).toString('base64')));
let database: TestDatabase;
let db: Db;
let keyring: Keyring;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
  keyring = newKeyring();
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

const rotation = { publishedForSeconds: 300, keepPreviousSeconds: 3600 };

test('five nodes that start together make one set of keys', async () => {
  await Promise.all(Array.from({ length: 5 }, () => ensureKeys(db, keyring)));
  const keys = await listKeys(db);
  expect(keys.map((key) => `${key.purpose} ${key.state}`).sort()).toEqual(
    ['ES256', 'RS256', 'cookie'].flatMap((purpose) => [`${purpose} current`, `${purpose} next`]),
  );
});

test('keys are sealed at rest and open only with the master key they were made with', async () => {
  const rows = JSON.stringify(await execute(database.url, 'select * from provider_keys'));
  const { signing, cookie } = await loadKeys(db, keyring);
  for (const secret of [...signing.map((key) => String(key.d)), ...cookie])
    expect(rows).not.toContain(secret);
  await expect(loadKeys(db, newKeyring())).rejects.toThrow(
    expect.objectContaining({ code: 'config_invalid' }),
  );
});

test('with another master key no key is made, rotated or replaced, and the database is as it was', async () => {
  const before = await listKeys(db);
  const wrong = newKeyring();
  const refused = expect.objectContaining({ detail: expect.stringContaining('masterKey: [new, old]') });
  await expect(ensureKeys(db, wrong)).rejects.toThrow(refused);
  await expect(rotateKeys(db, wrong, { ...rotation, force: true })).rejects.toThrow(refused);
  await expect(replaceCookieKeys(db, wrong)).rejects.toThrow(refused);
  expect(await listKeys(db)).toEqual(before);
});

test('a next key that clients may not know yet is not promoted, unless forced', async () => {
  await expect(rotateKeys(db, keyring, rotation)).rejects.toThrow(
    expect.objectContaining({ code: 'rotation_too_early' }),
  );
  const before = await listKeys(db);
  await rotateKeys(db, keyring, { ...rotation, force: true });
  const after = await listKeys(db);
  const kid = (keys: typeof before, purpose: string, state: string) =>
    keys.find((k) => k.purpose === purpose && k.state === state)?.kid;
  for (const purpose of ['RS256', 'ES256', 'cookie']) {
    expect(kid(after, purpose, 'current')).toBe(kid(before, purpose, 'next'));
    expect(kid(after, purpose, 'previous')).toBe(kid(before, purpose, 'current'));
  }
});

test('a rotation fails no login: a client with a cached key set verifies, and sessions go on', async () => {
  const stage = await openStage();
  try {
    const stageKeyring = newKeyring();
    await execute(stage.databaseUrl, 'delete from provider_keys');
    await ensureKeys(stage.db, stageKeyring);
    stage.front.reload(await loadKeys(stage.db, stageKeyring));
    const cached = createRemoteJWKSet(new URL(`${stage.issuer}/jwks`), {
      cooldownDuration: 3_600_000,
      cacheMaxAge: 3_600_000,
    });
    const browser = new Browser();
    const verify = async (location: string | undefined) => {
      const { id_token } = (await redeem(stage, codeOf(location))).json<Record<string, string>>();
      await jwtVerify(id_token!, cached);
      return decodeProtectedHeader(id_token!).kid;
    };
    const first = await verify((await logIn(stage, browser)).location);
    const page = await new Browser().follow(authorizationUrl(stage), CALLBACK);
    await rotateKeys(stage.db, stageKeyring, { ...rotation, force: true });
    stage.front.reload(await loadKeys(stage.db, stageKeyring));
    const silent = await browser.follow(authorizationUrl(stage, { prompt: 'none' }), CALLBACK);
    expect(await verify(silent.location)).not.toBe(first);
    expect(page.body).toContain('name="password"');
  } finally {
    await stage.close();
  }
});
