/** The proof at start that everything is written as somebody else wrote it, and read and computed alike. */
import { isDeepStrictEqual } from 'node:util';
import type { WriteName } from './accepted-format.ts';
import { algorithmOf } from './hash.ts';
import type { KnownAnswer } from './known-answers.ts';
import { KNOWN_ANSWERS } from './known-answers.ts';
import { prepare } from './preparation.ts';
import { readBack } from './read-back.ts';
import { isRefusal } from './reasons.ts';
import { translateHash } from './translation.ts';

/** Whether the known answer is read, opens with its password and no other, and is written again to the byte. */
export async function isProved({ accepted, encoded, password }: KnownAnswer): Promise<boolean> {
  const hash = readBack(accepted, encoded);
  if (isRefusal(hash)) return false;
  const opens = async (candidate: string) => {
    const derived = await algorithmOf(hash).derive(prepare(Buffer.from(candidate), hash.preparation), hash);
    return Buffer.from(derived).equals(hash.digest);
  };
  const written = translateHash(hash, [accepted]);
  return (
    !isRefusal(written) &&
    isDeepStrictEqual(written.encoded, encoded) &&
    (await opens(password)) &&
    !(await opens(`${password}!`))
  );
}

/** The kinds of writing that fail on their known answer: none, or nothing of that kind may be exported. */
export async function unprovedWrites(): Promise<readonly WriteName[]> {
  const failed: WriteName[] = [];
  for (const answer of Object.values<KnownAnswer>(KNOWN_ANSWERS)) {
    if (!(await isProved(answer).catch(() => false))) failed.push(answer.accepted.write);
  }
  return failed;
}
