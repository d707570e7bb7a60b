import { describe, expect, test } from 'vitest';
import type { Call } from '../../src/targets/webhook-caller.ts';
import { checkApiKey, checkTotp } from '../../src/targets/webhook-caller.ts';
import { webhookSettings } from '../../src/targets/webhook-settings.ts';

const KEY = 'a key öf the tests';
const NOW = 1_111_111_109;
const unauthorized = expect.objectContaining({ code: 'unauthorized' });
const query = (search: string): Call => ({ headers: {}, url: new URL(`https://login.example/w${search}`) });
const header = (value: string): Call => ({ headers: { 'x-key': value } });
/** As Node shows a header that was sent in UTF-8. */
const sent = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe('an API key', () => {
  const keyOf = (place: 'header' | 'query') =>
    webhookSettings.parse({ apiKey: { name: 'X-Key', in: place, value: KEY } }).apiKey!;
  const ask = (place: 'header' | 'query', call: Call) => () => checkApiKey(keyOf(place), call);

  test('opens where it is right', () => {
    expect(ask('header', header(sent(KEY)))).not.toThrow();
    expect(ask('query', query(`?a=1&X-Key=${encodeURIComponent(KEY)}`))).not.toThrow();
  });

  test.each([
    ['is missing', 'header', { headers: {} }],
    ['is empty', 'header', header('')],
    ['is another', 'header', header(sent(`${KEY}.`))],
    ['is a part of it', 'header', header(sent(KEY.slice(0, -1)))],
    ['comes twice', 'header', header(sent(`${KEY}, ${KEY}`))],
    ['stands in the wrong place', 'header', query(`?X-Key=${encodeURIComponent(KEY)}`)],
    ['is missing in the query', 'query', query('')],
    ['comes twice in the query', 'query', query(`?X-Key=${encodeURIComponent(KEY)}&X-Key=x`)],
    ['has a name in other letters', 'query', query(`?x-key=${encodeURIComponent(KEY)}`)],
    ['stands in an address that nobody can read', 'query', { headers: {}, url: Object.create(null) }],
    ['has no address', 'query', { headers: {} }],
  ] as const)('does not open where it %s', (_what, place, call) => {
    expect(ask(place, call)).toThrow(unauthorized);
  });

  test('is not told by its error', () => {
    const call = header('somebody else’s secret');
    expect(ask('header', call)).toThrow(
      expect.not.objectContaining({ detail: expect.stringContaining('else') }),
    );
  });
});

/** RFC 6238 appendix B; its codes have eight digits. */
describe('a code of the time', () => {
  const VECTORS = [
    ['SHA1', '12345678901234567890', 59, '94287082'],
    ['SHA1', '12345678901234567890', 1_111_111_109, '07081804'],
    ['SHA256', '12345678901234567890123456789012', 1_111_111_109, '68084774'],
    ['SHA512', '1234567890123456789012345678901234567890123456789012345678901234', 1_111_111_109, '25091201'],
  ] as const;
  const rulesOf = (algorithm: string, key: string) =>
    webhookSettings.parse({
      totp: { name: 'code', in: 'query', key, encoding: 'text', algorithm, digits: 8 },
    }).totp!;
  const [, [algorithm, key, , code]] = VECTORS;
  const rules = rulesOf(algorithm, key);
  const at = (seconds: number) => () => checkTotp(rules, query(`?code=${code}`), seconds);

  test.each(VECTORS)('with %s of %s at %d is %s', (name, text, seconds, right) => {
    expect(() => checkTotp(rulesOf(name, text), query(`?code=${right}`), seconds)).not.toThrow();
  });

  test('of a key in base 32 opens, in a header', () => {
    const totp = { name: 'X-Key', key: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', digits: 8 };
    const given = webhookSettings.parse({ totp }).totp!;
    expect(() => checkTotp(given, header(code), NOW)).not.toThrow();
  });

  test('opens a step before and after, and again', () => {
    for (const seconds of [NOW, NOW, NOW + 30, NOW - 30]) expect(at(seconds)).not.toThrow();
  });

  test('does not open two steps away', () => {
    for (const seconds of [NOW + 90, NOW - 60]) expect(at(seconds)).toThrow(unauthorized);
  });

  test.each([
    '',
    '?code=',
    '?code=07081805',
    '?code=7081804',
    '?code=٠٧٠٨١٨٠٤',
    '?code=07081804&code=07081804',
  ])('does not open with %s', (search) => {
    expect(() => checkTotp(rules, query(search), NOW)).toThrow(unauthorized);
  });
});
