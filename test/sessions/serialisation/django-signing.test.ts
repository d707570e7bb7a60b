import { expect, test } from 'vitest';
import { base62, dumps, loads, saltedHmac } from '../../../src/sessions/serialisation/django-signing.ts';

const KEYS = { salt: 'django.core.signing', secrets: ['now', 'before'] };

// django.core.signing.b62_encode
test.each([
  [0, '0'],
  [61, 'z'],
  [62, '10'],
  [1_795_000_000, '1xTdUu'],
])('%d is %s in base 62', (value, text) => {
  expect(base62(value)).toBe(text);
});

test('what is signed is opened by any of the keys, and by no other', () => {
  const signed = Buffer.from(
    dumps(Buffer.from('[1]'), { ...KEYS, secrets: ['before'] }, { at: 1_795_000_000 }),
  );
  expect(loads(signed, KEYS)?.toString()).toBe('[1]');
  expect(loads(signed, { ...KEYS, secrets: ['now'] })).toBeUndefined();
  expect(loads(signed, { ...KEYS, salt: 'other' })).toBeUndefined();
});

// salted_hmac('salt', 'value', 'secret', algorithm=…).hexdigest()
test.each([
  ['sha256', 'debaddcd9ecbaab181289870baf8af49b0af0a7050d620d1a63f1e69bd87ceb8'],
  ['sha1', 'a82be9ba6efe61405ee8d2e8a3781c37e103360a'],
] as const)('salted_hmac with %s is Django’s', (digest, expected) => {
  expect(saltedHmac({ salt: 'salt', value: 'value', secret: 'secret', digest }).toString('hex')).toBe(
    expected,
  );
});

test.each(['', ':', '::', 'a:b:c', 'W10:1xTR56', 'W10:1xTR56:', '..W10:1xTR56:x'])(
  '%j is refused',
  (text) => {
    expect(loads(Buffer.from(text), KEYS)).toBeUndefined();
  },
);
