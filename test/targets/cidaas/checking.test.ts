import { describe, expect, test } from 'vitest';
import { isAddress } from '../../../src/targets/cidaas/checking.ts';

describe('an address', () => {
  test.each([
    'a@b.example',
    "o'neil+shop@mail.example.com",
    'a.b-c_d@xn--bcher-kva.example',
    `${'a'.repeat(64)}@b.co`,
  ])('%s is one', (text) => expect(isAddress(text)).toBe(true));

  test.each([
    '',
    'anna',
    '@example.com',
    'anna@',
    'anna@localhost',
    'anna@example',
    'anna@-example.com',
    'anna@example..com',
    'anna@example.com.',
    'anna@10.0.0.1',
    '.anna@example.com',
    'an..na@example.com',
    'an na@example.com',
    'anna@exa mple.com',
    'anna@exämple.com',
    'anna@@example.com',
    '"anna"@example.com',
    'anna@example.com\n',
    `${'a'.repeat(65)}@b.co`,
    `a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(20)}`,
  ])('%j is none', (text) => expect(isAddress(text)).toBe(false));
});
