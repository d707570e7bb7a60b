/** What every family of formats keeps, whatever it looks like. A family's test is one call. */
import { afterAll, describe, expect, test } from 'vitest';
import type { Format } from '../../src/credentials/format.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import type { Passwords } from '../../src/credentials/passwords.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { sourceOf } from '../../src/credentials/source.ts';
import type { Vector } from './vectors.ts';
import { fixture, storedOf, ZITADEL_READS } from './vectors.ts';

/** The dearest hash (656,000 rounds of sha512crypt) takes over a second, and much more on a busy machine. */
const SLOW = { timeout: 60_000 };

/** Whether any password opens it: marks of unusable passwords are vectors too. */
export function isComputed({ password }: Vector): boolean {
  return password !== null;
}

/** The wrong passwords to try: all of them, or as many as a slow format allows. */
export async function expectFaithful(passwords: Passwords, vector: Vector, wrong = vector.wrong) {
  const stored = storedOf(vector);
  const verdict = async (password: string) => (await passwords.verify(stored, password)).verified;
  expect(await verdict(vector.password!), `${vector.id}: the right password`).toBe(true);
  for (const { kind, password } of vector.also_accepted ?? []) {
    expect(await verdict(password), `${vector.id}: also accepted, ${kind}`).toBe(true);
  }
  for (const { kind, password } of wrong) {
    expect(await verdict(password), `${vector.id}: wrong, ${kind}`).toBe(false);
  }
}

export function expectTranslated(passwords: Passwords, vector: Vector) {
  const translation = passwords.translate(storedOf(vector), ZITADEL_READS);
  const { status, encoded, accepted_at_import: isAccepted } = vector.translate.zitadel;
  const isWritten = (status === 'lossless' || status === 'conditional') && isAccepted !== false;
  if (isWritten) expect(translation, vector.id).toMatchObject({ encoded });
  else expect(translation, vector.id).toHaveProperty('reason');
}

export function formatContract(family: string, formats: readonly Format[]): void {
  const vectors = fixture(family);
  const passwords = openPasswords(passwordSettings.parse({ queueLength: 1000, queueWaitSeconds: 60 }));
  afterAll(() => passwords.close());
  const names = formats.map(({ name }) => name);

  describe(`${family} formats`, () => {
    test('have names of their own', () => {
      expect(new Set(names).size).toBe(names.length);
    });

    test('have shipped vectors of their own', () => {
      expect(vectors.length).toBeGreaterThan(0);
      for (const { format } of vectors) expect(names).toContain(format);
    });

    test.each(vectors.filter(isComputed))('$id verifies as its framework does', SLOW, async (vector) => {
      await expectFaithful(passwords, vector);
    });

    test.each(vectors)('$id is written for a target exactly, or refused with a reason', (vector) => {
      expectTranslated(passwords, vector);
    });

    test.each(vectors.filter((vector) => !isComputed(vector)))(
      '$id says why nothing verifies',
      async (vector) => {
        const { verified, reason } = await passwords.verify(storedOf(vector), 'any password');
        expect({ verified, reason }).toEqual({ verified: false, reason: expect.any(String) });
      },
    );

    test('answer columns without a hash with a reason', () => {
      for (const format of names) {
        for (const columns of [{}, { password: null }, { password: '' }]) {
          expect(passwords.identify({ format, columns }), format).toMatchObject({ reason: 'no_hash' });
        }
      }
    });

    test('verify nothing against the stump of a hash', SLOW, async () => {
      for (const vector of vectors.filter(isComputed)) {
        const stored = { ...storedOf(vector), columns: stumps(vector.columns) };
        const { verified } = await passwords.verify(stored, vector.password!);
        expect(verified, vector.id).toBe(false);
      }
    });

    test('are not recognised in bare hex', () => {
      for (const { name, recognises } of formats) {
        for (const length of [16, 32, 40, 64, 128]) {
          const source = sourceOf({ format: 'auto', columns: { hash: 'a1'.repeat(length / 2) } });
          expect(recognises?.(source) ?? false, name).toBe(false);
        }
      }
    });
  });
}

/** Every text cut to its first dozen characters, also in nested documents. */
function stumps(columns: object): Record<string, unknown> {
  const stump = (value: unknown) => {
    if (typeof value === 'string') return value.slice(0, 12);
    return typeof value === 'object' && value !== null ? stumps(value) : value;
  };
  return Object.fromEntries(Object.entries(columns).map(([name, value]) => [name, stump(value)]));
}
