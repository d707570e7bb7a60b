/** What every kind of target holds to. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { hashReader, TARGET_KINDS } from '../../src/targets/index.ts';
import type { TargetKind } from '../../src/targets/target.ts';
import { oneTargetSettings } from '../../src/targets/target-settings.ts';
import type { Vector } from '../credentials/vectors.ts';
import { fixture, storedOf } from '../credentials/vectors.ts';

const FIXTURES = join(import.meta.dirname, '../credentials/fixtures');

/** Real hashes of every framework there is a fixture of. */
export function everyHash(): Vector[] {
  const families = readdirSync(FIXTURES).flatMap((name) => /^(.*)\.json$/.exec(name)?.[1] ?? []);
  return families.flatMap(fixture);
}

export function targetKindContract(kind: TargetKind): void {
  const passwords = openPasswords(passwordSettings.parse({}));
  afterAll(() => passwords.close());

  // Where nobody can be made but by themselves no hash is read either.
  const readsHashes = kind.accepts.length > 0;

  test('is on the shelf under its own name', () => {
    expect(Object.entries(TARGET_KINDS).find(([, listed]) => listed === kind)?.[0]).toBe(kind.kind);
    expect(hashReader(kind.kind)?.accepts).toBe(readsHashes ? kind.accepts : undefined);
  });

  test.runIf(readsHashes)('names every format once, with bounds that an operator could write', () => {
    const names = kind.accepts.map(({ write }) => write);
    expect(new Set(names).size).toBe(names.length);
    expect(oneTargetSettings.shape.accepts.safeParse(kind.accepts).error).toBeUndefined();
  });

  // A system that takes no seeds at all has none that could be read wrongly.
  test.runIf(kind.totp.algorithms.length > 0)(
    'reads the second factor that every authenticator app makes',
    () => {
      expect(kind.totp.algorithms).toContain('SHA1');
      expect(kind.totp.digits).toContain(6);
      expect(kind.totp.periodSeconds).toContain(30);
    },
  );

  test.runIf(readsHashes)('is given only formats it named, none longer than it stores', () => {
    const given = everyHash().flatMap((vector) => {
      const made = passwords.translate(storedOf(vector), kind.accepts);
      return 'encoded' in made ? [made] : [];
    });
    expect(given.length).toBeGreaterThan(10);
    for (const { encoded, format } of given) {
      const accepted = kind.accepts.find(({ write }) => write === format);
      expect(String(encoded).length).toBeLessThanOrEqual(accepted?.maxLength ?? Number.POSITIVE_INFINITY);
    }
  });
}
