import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { expectFaithful, expectTranslated, isComputed } from './format-contract.ts';
import type { Vector } from './vectors.ts';
import { storedOf, wholeCorpus } from './vectors.ts';

/** Algorithms that take a fraction of a millisecond: every vector with every wrong password. */
const CHEAP = /^(?:md5|sha1|sha256|sha512|hmac-.*|iterated-.*|md5crypt|apr1|mysql323|plaintext|aes-256-cbc)$/;
/** Of the expensive ones one vector in so many, with one wrong password. */
const SAMPLE = 6;
const TIMEOUT_MS = 120_000;

const corpus = wholeCorpus();

describe.skipIf(!corpus)('the whole corpus beside the checkout', () => {
  const passwords = openPasswords(passwordSettings.parse({ queueLength: 1000, queueWaitSeconds: 60 }));
  afterAll(() => passwords.close());
  const vectors = corpus ?? [];

  test('is of formats that are known, each of its vectors', () => {
    for (const vector of vectors) {
      expect(passwords.identify(storedOf(vector)), vector.id).not.toHaveProperty('reason', 'unknown_format');
    }
  });

  test('is translated exactly or refused with a reason', () => {
    for (const vector of vectors) expectTranslated(passwords, vector);
  });

  test('verifies as the frameworks do', { timeout: TIMEOUT_MS }, async () => {
    const computed = vectors.filter(isComputed);
    const cheap = computed.filter((vector) => {
      const identified = passwords.identify(storedOf(vector));
      return 'algorithm' in identified && CHEAP.test(identified.algorithm);
    });
    const expensive = computed
      .filter((vector) => !cheap.includes(vector))
      .filter((_, at) => at % SAMPLE === 0);
    await twoAtOnce(cheap, (vector) => expectFaithful(passwords, vector));
    await twoAtOnce(expensive, (vector) => expectFaithful(passwords, vector, vector.wrong.slice(0, 1)));
    expect(cheap.length + expensive.length).toBeGreaterThan(vectors.length / 4);
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
