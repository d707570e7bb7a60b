/** What every algorithm keeps. Its test is one call with answers that somebody else published or computed. */
import { describe, expect, test } from 'vitest';
import type { AlgorithmName, HashOf, ParametersOf, ParsedHash } from '../../src/credentials/hash.ts';
import { algorithmOf, isWithinBounds } from '../../src/credentials/hash.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';

interface Answer<P> {
  readonly from: string;
  readonly password: string;
  readonly parameters: P;
  readonly salt?: string | Uint8Array;
  /** Bytes, or the text that crypt-style algorithms give. */
  readonly digest: string | Uint8Array;
}

const { caps } = passwordSettings.parse({});
const bytes = (value: string | Uint8Array) =>
  typeof value === 'string' ? Buffer.from(value, 'utf8') : value;

function hashOf<N extends AlgorithmName>(algorithm: N, answer: Answer<ParametersOf<N>>): ParsedHash {
  const { parameters, salt = '', digest } = answer;
  return {
    algorithm,
    parameters,
    salt: bytes(salt),
    digest: bytes(digest),
    preparation: [],
  } as unknown as ParsedHash;
}

export function algorithmContract<N extends AlgorithmName>(
  name: N,
  answers: readonly Answer<ParametersOf<N>>[],
  beyond: readonly ParametersOf<N>[] = [],
): void {
  describe(`${name}`, () => {
    test.each(answers)('gives the known answer: $from', async (answer) => {
      const hash = hashOf(name, answer) as HashOf<N> & ParsedHash;
      const derived = await algorithmOf(hash).derive(Buffer.from(answer.password, 'utf8'), hash);
      expect(Buffer.from(derived).toString('hex')).toBe(Buffer.from(hash.digest).toString('hex'));
    });

    test('gives another answer for another password', async () => {
      const hash = hashOf(name, answers[0]!);
      const derived = await algorithmOf(hash).derive(Buffer.from('another password', 'utf8'), hash);
      expect(Buffer.from(derived).equals(hash.digest)).toBe(false);
    });

    test('has a label without costs in it', () => {
      const hash = hashOf(name, answers[0]!);
      expect(algorithmOf(hash).label(hash.parameters)).toMatch(/^[a-z][a-z0-9-]{2,20}$/);
    });

    // Some have no costs.
    if (beyond.length === 0) return;
    test('does not admit costs beyond the caps', () => {
      const [answer] = answers;
      for (const parameters of beyond) {
        const hash = hashOf(name, { ...answer!, salt: answer?.salt ?? '', parameters });
        expect(isWithinBounds(hash, caps), JSON.stringify(parameters)).toBe(false);
      }
    });
  });
}
