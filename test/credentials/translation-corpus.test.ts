import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { isRefusal } from '../../src/credentials/reasons.ts';
import { HASH_READERS } from '../../src/targets/index.ts';
import { logsIn } from './target-verifiers.ts';
import type { Expected } from './translations.ts';
import { differences, expectedOf, TARGETS, translated, wanted } from './translations.ts';
import type { Vector } from './vectors.ts';
import { corpus, storedOf } from './vectors.ts';

const vectors = corpus().flatMap((group) => group.vectors);

/** Of algorithms that take more than a millisecond one vector in so many. */
const SAMPLE = 12;
const CHEAP = /^(?:md5|sha1|sha256|sha512|hmac-.*)$/;

describe('the whole corpus', () => {
  const passwords = openPasswords(passwordSettings.parse({}));
  afterAll(() => passwords.close());

  const count = (target: (typeof TARGETS)[number], holds: (expected: Expected) => boolean) =>
    vectors.filter((vector) => holds(expectedOf(vector, target)!)).length;

  test.each(TARGETS)(
    'is written for %s to the byte, all of it, or refused for a reason of its kind',
    (target) => {
      expect(vectors.filter((vector) => expectedOf(vector, target) === undefined)).toEqual([]);
      expect(differences(passwords, vectors, target)).toEqual([]);
      const written = vectors.filter((vector) => !isRefusal(translated(passwords, vector, target)));
      expect(written.length).toBe(count(target, (expected) => wanted(expected) !== null));
    },
  );

  test.each(TARGETS)('loses nothing that %s takes without loss', (target) => {
    const whole = vectors.filter((vector) => expectedOf(vector, target)?.status === 'lossless');
    for (const vector of whole) {
      expect(translated(passwords, vector, target), vector.id).toHaveProperty('encoded');
    }
    expect(whole.length > 200).toBe(target !== 'auth0');
  });

  const dear = vectors.filter((vector) => vector.password !== null && !isCheap(vector));
  const sample = [...vectors.filter(isCheap), ...dear.filter((_, at) => at % SAMPLE === 0)];

  function isCheap(vector: Vector): boolean {
    const known = passwords.identify(storedOf(vector));
    return 'algorithm' in known && CHEAP.test(known.algorithm);
  }

  test.each(Object.keys(HASH_READERS))(
    'opens at %s with its passwords once it is there',
    {
      timeout: 600_000,
    },
    (target) => {
      const locked: string[] = [];
      for (const vector of sample) {
        const made = translated(passwords, vector, target);
        if (isRefusal(made) || made.caveats?.includes('unchanged_passwords_only')) continue;
        if (logsIn(target, made, vector.password!) === false) locked.push(vector.id);
      }
      expect(locked).toEqual([]);
    },
  );
});
