import { describe, expect, test } from 'vitest';
import { KNOWN_ANSWERS } from '../../src/credentials/known-answers.ts';
import { HASH_READERS, hashReader, TARGET_KINDS } from '../../src/targets/index.ts';
import type { HashReader, TargetKind } from '../../src/targets/target.ts';
import { oneTargetSettings } from '../../src/targets/target-settings.ts';

const readers = Object.entries<HashReader>(HASH_READERS);

describe('the systems that hashes are written for', () => {
  test('are the five of the hash command and whatever an operator describes', () => {
    expect(readers.map(([name]) => name).sort()).toEqual(
      ['auth0', 'cidaas', 'generic', 'keycloak', 'kratos', 'zitadel'].sort(),
    );
    for (const [name, { kind }] of readers) expect(kind).toBe(name);
  });

  test('include every kind that people can be moved to with a hash, and none that reads no hashes', () => {
    for (const kind of Object.values<TargetKind>(TARGET_KINDS))
      expect(hashReader(kind.kind)).toBe(kind.accepts.length > 0 ? kind : undefined);
  });

  test('are found by name, Kratos by its company’s as well', () => {
    expect(hashReader('ory')).toBe(HASH_READERS.kratos);
    expect(hashReader('keycloak')?.accepts).toBe(HASH_READERS.keycloak.accepts);
  });

  test.each(['', 'Kratos', 'okta', 'constructor', '__proto__', 'toString'])('are not found as %j', (name) => {
    expect(hashReader(name)).toBeUndefined();
    expect(hashReader(name)).toBeUndefined();
  });

  test.each(readers)(
    '%s names each format once, with bounds that an operator could write',
    (_name, { accepts }) => {
      expect(new Set(accepts.map(({ write }) => write)).size).toBe(accepts.length);
      expect(oneTargetSettings.shape.accepts.safeParse(accepts).error).toBeUndefined();
    },
  );

  test('together need every kind of writing there is', () => {
    const used = new Set(readers.flatMap(([, { accepts }]) => accepts.map(({ write }) => write)));
    expect([...used].sort()).toEqual(Object.keys(KNOWN_ANSWERS).sort());
  });

  test('have bounds that are set apart: what Kratos refuses at import is not offered', () => {
    const kratos = HASH_READERS.kratos.accepts;
    expect(kratos.find(({ write }) => write === 'bcrypt')).toMatchObject({
      cost: [4, 15],
      maxPasswordBytes: 72,
    });
    expect(kratos.find(({ write }) => write === 'scrypt-kratos')).toMatchObject({
      log2N: [1, 17],
      blockSize: [1, 8],
      parallelism: [1, 10],
    });
  });
});
