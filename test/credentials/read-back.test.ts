import { describe, expect, test } from 'vitest';
import type { AcceptedFormat } from '../../src/credentials/accepted-format.ts';
import { KNOWN_ANSWERS } from '../../src/credentials/known-answers.ts';
import { readBack } from '../../src/credentials/read-back.ts';
import { isProved, unprovedWrites } from '../../src/credentials/self-test.ts';

const answers = Object.values<{ accepted: AcceptedFormat; encoded: string | object; password: string }>(
  KNOWN_ANSWERS,
);
const read = (write: keyof typeof KNOWN_ANSWERS, encoded: string | object) =>
  readBack(KNOWN_ANSWERS[write].accepted, encoded);

describe('the proof at start', () => {
  test('passes for every kind of writing', async () => {
    expect(await unprovedWrites()).toEqual([]);
  });

  test.each(answers)('notices another password for $accepted.write', async (answer) => {
    expect(await isProved({ ...answer, password: 'something else' } as never)).toBe(false);
  });

  test.each(answers)('notices one character that is different for $accepted.write', async (answer) => {
    const text = JSON.stringify(answer.encoded);
    // The last character that carries more than padding: of the hash, the key or a document's last part.
    const at = [...text].findLastIndex(
      (character, place) => /[1-9a-zA-Z]/.test(character) && place < text.length - 4,
    );
    const other = text[at] === 'b' ? 'c' : 'b';
    const changed = text.slice(0, at) + other + text.slice(at + 1);
    const encoded = JSON.parse(changed);
    expect(await isProved({ ...answer, encoded } as never).catch(() => false)).toBe(false);
  });
});

describe('what a target could not read', () => {
  test.each(answers)('is refused: another kind’s writing as $accepted.write', ({ accepted }) => {
    for (const other of answers) {
      if (JSON.stringify(other.encoded) === JSON.stringify(KNOWN_ANSWERS[accepted.write].encoded)) continue;
      expect(readBack(accepted, other.encoded), other.accepted.write).toHaveProperty('reason');
    }
  });

  test.each(answers)(
    'is refused: nothing, and the stump of it, as $accepted.write',
    ({ accepted, encoded }) => {
      const stump = typeof encoded === 'string' ? encoded.slice(0, 12) : {};
      for (const given of ['', {}, [], stump]) expect(readBack(accepted, given)).toHaveProperty('reason');
    },
  );

  test.each([
    [
      'Argon2 parameters in another order',
      'argon2',
      '$argon2id$v=19$m=64,p=1,t=1$MDEyMzQ1Njc4OWFiY2RlZg$MjZP1w',
    ],
    ['padding where passwap wants none', 'scrypt-passwap', '$scrypt$ln=4,r=8,p=1$MDE=$OAkZqUBe'],
    ['no padding where Kratos wants it', 'scrypt-kratos', '$scrypt$ln=16,r=8,p=1$MDE$OAkZqUBe'],
    ['log2 N where Kratos wants N', 'scrypt-kratos', '$scrypt$ln=15,r=8,p=1$MDE=$OAkZqUBe'],
    ['stray bits in base64', 'pbkdf2-kratos', '$pbkdf2-sha256$i=1,l=1$c2FsdA$Vb'],
    ['a length that is not the key’s', 'pbkdf2-kratos', '$pbkdf2-sha256$i=1,l=2$c2FsdA$VQ'],
    ['SHA-3 under SHA-2’s name', 'pbkdf2-kratos', '$pbkdf2-sha384$i=1,l=1$c2FsdA$VQ'],
    ['a digest of another length', 'digest-kratos', '$md5$VQ=='],
    ['SHA-1 in MD5’s short form', 'digest-kratos', '$sha1$lcjfVK5rvrCWxLkiVQ3zKZ2BGh0='],
    ['white space in a salt', 'md5salted-prefix', '$md5salted-prefix$a b$3oSY6xKwMJc3MQyJcc/Hog=='],
    ['the other side', 'md5salted-prefix', '$md5salted-suffix$salt$D4rOOyuX/Dgg3vClp5z5Og=='],
    ['a SHA-1 as plain MD5', 'md5plain', '95c8df54ae6bbeb096c4b922550df3299d811a1d'],
    [
      '$2y$ for Auth0',
      'bcrypt-auth0',
      { password_hash: '$2y$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' },
    ],
    [
      'another cost in Auth0’s field',
      'bcrypt-auth0',
      { password_hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW' },
    ],
    [
      'another cost in cidaas’ name',
      'bcrypt-cidaas',
      { algorithmTypeId: 'BCRYPT_6', passwordHash: KNOWN_ANSWERS.bcrypt.encoded },
    ],
    [
      'a document that is no JSON',
      'pbkdf2-keycloak',
      { type: 'password', credentialData: '{', secretData: '{}' },
    ],
  ] as const)('is refused: %s', (_what, write, encoded) => {
    expect(read(write, encoded)).toHaveProperty('reason');
  });
});
