import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { referenceOf, subOfReference } from '../../../src/targets/cidaas/password-reference.ts';

const macWith = (key: string) => (text: string) => createHmac('sha256', key).update(text).digest();
const mac = macWith('a key');

describe('a reference', () => {
  test.each(['shop:4711', 'ünïcödé:ß', 'a', `x${'y'.repeat(700)}`])('leads back to %s', (sub) => {
    const reference = referenceOf(mac, 'new', sub);
    expect(reference).toMatch(/^fb1\.[\w-]+\.[\w-]{22}$/);
    expect(subOfReference(mac, 'new', reference)).toBe(sub);
  });

  test('is the same at every try', () => {
    expect(referenceOf(mac, 'new', 'shop:1')).toBe(referenceOf(mac, 'new', 'shop:1'));
  });

  test('is good at its target only, and under its key', () => {
    const reference = referenceOf(mac, 'new', 'shop:1');
    expect(subOfReference(mac, 'other', reference)).toBeUndefined();
    expect(subOfReference(macWith('another key'), 'new', reference)).toBeUndefined();
  });

  test('of one person with the MAC of another is none', () => {
    const [version, name] = referenceOf(mac, 'new', 'shop:2').split('.');
    const own = referenceOf(mac, 'new', 'shop:1').split('.')[2];
    expect(subOfReference(mac, 'new', `${version}.${name}.${own}`)).toBeUndefined();
  });

  const whole = referenceOf(mac, 'new', 'shop:1');
  test.each([
    ['nothing', ''],
    ['a subject', 'shop:1'],
    ['one of another version', whole.replace('fb1', 'fb2')],
    ['one that is cut', whole.slice(0, -1)],
    ['one with more behind it', `${whole}A`],
    ['one in other characters', whole.replace(/.$/, (last) => (last === 'w' ? 'x' : 'w'))],
    ['one that is too long', `fb1.${'A'.repeat(2_048)}.${'A'.repeat(22)}`],
  ])('is not made of %s', (_what, text) => {
    expect(subOfReference(mac, 'new', text)).toBeUndefined();
  });
});
