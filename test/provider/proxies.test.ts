import { describe, expect, test } from 'vitest';
import { isAddressOrRange, normalAddress, proxiesOf } from '../../src/provider/proxies.ts';

describe('whose word about an address is believed', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['::ffff:10.1.2.3', '10.1.2.3', true],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['2001:db8::/32', '2001:db8:1::7', true],
    ['2001:db8::/32', '2001:db9::7', false],
    ['10.0.0.0/8', '', false],
    ['10.0.0.0/8', 'nonsense', false],
  ])('with %s, %s is one: %s', (entry, address, expected) => {
    expect(proxiesOf([entry])(address)).toBe(expected);
  });

  test('is nobody without an entry', () => {
    expect(proxiesOf([])('127.0.0.1')).toBe(false);
  });

  test.each(['10.0.0.0/33', '10.0.0/8', 'proxy.internal', '::1/129', '10.0.0.0/8/8', '10.0.0.0/-1', ''])(
    '%s is refused in the settings',
    (entry) => expect(isAddressOrRange(entry)).toBe(false),
  );

  test('an IPv4 address in IPv6 clothing is itself', () => {
    expect(normalAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
  });
});
