/** Every hash of the corpus: verified, refused, translated. */
import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { expectFaithful, expectTranslated, isComputed } from './format-contract.ts';
import type { Vector } from './vectors.ts';
import { corpus, storedOf } from './vectors.ts';

/** Algorithms that take a fraction of a millisecond: with every wrong password; the others with one for each format. */
const CHEAP = /^(?:md5|sha1|sha256|sha512|hmac-.*|iterated-.*|md5crypt|apr1|mysql323|plaintext|aes-256-cbc)$/;
/** The dearest group takes half a minute on two free cores. */
const PATIENT = { timeout: 600_000 };

const groups = corpus();
const all = groups.flatMap(({ vectors }) => vectors);

describe('the whole corpus', () => {
  const passwords = openPasswords(passwordSettings.parse({ queueLength: 1000, queueWaitSeconds: 60 }));
  afterAll(() => passwords.close());
  const isCheap = (vector: Vector) => {
    const identified = passwords.identify(storedOf(vector));
    return 'algorithm' in identified && CHEAP.test(identified.algorithm);
  };

  test('is 772 vectors of 134 formats, all of them known', () => {
    expect(all).toHaveLength(772);
    expect(new Set(all.map(({ format }) => format)).size).toBe(134);
    for (const vector of all)
      expect(passwords.identify(storedOf(vector)), vector.id).not.toHaveProperty('reason', 'unknown_format');
  });

  test('is translated exactly or refused with a reason', () => {
    for (const vector of all) expectTranslated(passwords, vector);
  });

  test.each(groups)('verifies as the frameworks do: $group', PATIENT, async ({ group, vectors }) => {
    const computed = vectors.filter(isComputed);
    const refused = new Set<string>();
    const wrongOf = (vector: Vector) => {
      if (isCheap(vector)) return vector.wrong;
      const isFirst = !refused.has(vector.format);
      refused.add(vector.format);
      return isFirst ? vector.wrong.slice(0, 1) : [];
    };
    let verified = 0;
    await twoAtOnce(computed, async (vector) => {
      await expectFaithful(passwords, vector, wrongOf(vector));
      verified += 1;
    });
    expect(verified, group).toBe(vectors.filter(({ password }) => password !== null).length);
  });
});

/** As many as there are cores in the smallest machine: a flood would be refused as an overload. */
async function twoAtOnce(vectors: readonly Vector[], work: (vector: Vector) => Promise<void>) {
  const waiting = vectors.values();
  const lane = async () => {
    for (const vector of waiting) await work(vector);
  };
  await Promise.all([lane(), lane()]);
}
