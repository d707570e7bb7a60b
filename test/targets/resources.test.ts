import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/settings.ts';
import type { Db } from '../../src/store/db.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { ResourceId } from '../../src/targets/resources.ts';
import {
  announceResource,
  beginKeyRotation,
  decryptionKeysOf,
  forgetResource,
  keyOfResource,
  ourIdpOf,
  recordResource,
  resourcesOf,
  signingKeysOf,
} from '../../src/targets/resources.ts';
import { execute } from '../support/database.ts';
import type { TestDatabase } from '../support/postgres.ts';
import { testDatabase } from '../support/postgres.ts';

const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

let serial = 0;
const newTarget = () => `target-${++serial}`;
const hookOf = (target: string, name = 'events'): ResourceId => ({ target, kind: 'action-target', name });
const revealed = async (target: string) =>
  (await signingKeysOf(db, keyring, target)).map(({ id, hook, key }) => [id, hook, key.reveal()]);

describe('what was made at a target', () => {
  test('is found again in the order it was made, one target’s apart from another’s', async () => {
    const target = newTarget();
    await recordResource(db, keyring, { target, kind: 'idp', name: 'oidc', remoteId: '1' });
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '2' });
    await recordResource(db, keyring, { ...hookOf(newTarget()), remoteId: '3' });
    const found = await resourcesOf(db, target);
    expect(found.map(({ kind, remoteId }) => [kind, remoteId])).toEqual([
      ['idp', '1'],
      ['action-target', '2'],
    ]);
    expect(found[0]?.before).toBeUndefined();
    expect(found[0]?.madeAt).toBeInstanceOf(Date);
  });

  test('is known from before it was made, without an id', async () => {
    const target = newTarget();
    await announceResource(db, { target, kind: 'idp', name: 'oidc' });
    expect(await resourcesOf(db, target)).toMatchObject([{ name: 'oidc', remoteId: undefined }]);
    expect(await ourIdpOf(db, target)).toBeUndefined();
    await recordResource(db, keyring, { target, kind: 'idp', name: 'oidc', remoteId: '1' });
    expect(await ourIdpOf(db, target)).toBe('1');
    await announceResource(db, { target, kind: 'idp', name: 'oidc' });
    expect(await ourIdpOf(db, target)).toBe('1');
  });

  test('keeps how it was before us, whatever is recorded later', async () => {
    const target = newTarget();
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', before: { name: 'theirs' } });
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', before: { name: 'ours' } });
    expect(await resourcesOf(db, target)).toMatchObject([{ before: { name: 'theirs' } }]);
  });

  test('is gone when it is forgotten, and forgetting again does nothing', async () => {
    const target = newTarget();
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', key: new Secret('k') });
    await forgetResource(db, hookOf(target));
    await forgetResource(db, hookOf(target));
    expect(await resourcesOf(db, target)).toEqual([]);
    expect(await revealed(target)).toEqual([]);
  });
});

describe('a key', () => {
  test('is sealed, opens for its own place only, and is not lost when the rest is recorded again', async () => {
    const target = newTarget();
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', key: new Secret('CANARY') });
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1' });
    expect(await revealed(target)).toEqual([['1', 'events', 'CANARY']]);
    expect((await keyOfResource(db, keyring, hookOf(target)))?.reveal()).toBe('CANARY');
    const [row] = await execute(database.url, 'select * from target_resources where target = $1', [target]);
    expect(JSON.stringify(row)).not.toContain('CANARY');
    await execute(database.url, `update target_resources set name = 'intent' where target = $1`, [target]);
    expect(await revealed(target)).toEqual([]);
    expect(await keyOfResource(db, keyring, hookOf(target, 'intent'))).toBeUndefined();
  });

  test('goes on being taken for a while after it was replaced', async () => {
    const target = newTarget();
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', key: new Secret('old') });
    await beginKeyRotation(db, hookOf(target), 600);
    expect(await revealed(target)).toEqual([['1.previous', 'events', 'old']]);
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', key: new Secret('new') });
    expect(await revealed(target)).toEqual([
      ['1', 'events', 'new'],
      ['1.previous', 'events', 'old'],
    ]);
    await execute(database.url, 'update target_resources set previous_until = now() where target = $1', [
      target,
    ]);
    expect(await revealed(target)).toEqual([['1', 'events', 'new']]);
  });

  test('survives a replacement that was cut off and begun again', async () => {
    const target = newTarget();
    await recordResource(db, keyring, { ...hookOf(target), remoteId: '1', key: new Secret('old') });
    await beginKeyRotation(db, hookOf(target), 600);
    await beginKeyRotation(db, hookOf(target), 600);
    expect(await revealed(target)).toEqual([['1.previous', 'events', 'old']]);
  });

  test('to decrypt with is none to check signatures with', async () => {
    const target = newTarget();
    const id = { target, kind: 'encryption-key', name: 'events' } as const;
    await recordResource(db, keyring, { ...id, remoteId: 'kid', key: new Secret('{"kty":"EC"}') });
    expect(await signingKeysOf(db, keyring, target)).toEqual([]);
    expect(await decryptionKeysOf(db, keyring, target)).toMatchObject([{ id: 'kid', hook: 'events' }]);
  });

  test('under another master key is no key', async () => {
    const target = newTarget();
    const other = openKeyring(new Secret(randomBytes(32).toString('base64')));
    await recordResource(db, other, { ...hookOf(target), remoteId: '1', key: new Secret('k') });
    expect(await revealed(target)).toEqual([]);
  });
});
