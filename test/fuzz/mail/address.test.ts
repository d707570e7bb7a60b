import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { emailOf } from '../../../src/legacy/claims.ts';
import { addressOf, mailboxOf, nameOf, oneLine } from '../../../src/mail/address.ts';
import { sayable } from '../../../src/mail/sayable.ts';
import { anyText, damaged, fuzz } from '../hostile.ts';

const GOOD = [
  'anna@example.com',
  'çağla+x@exämple.com',
  'Anna Müller <anna@example.com>',
  '"Müller, Anna" <anna@example.com>',
  'a…@example.com',
];
const text = fc.oneof(
  { weight: 3, arbitrary: damaged(...GOOD) },
  { weight: 1, arbitrary: anyText({ longest: 20_000 }) },
);
/** What begins another header, recipient, comment or route. */
const STEERS = /[\s"(),:;<>@[\]\\\p{C}]/u;

describe('whatever stands for a mail address', () => {
  fuzz(
    'is one address in one line, or none',
    2_000,
    fc.property(text, (given) => {
      for (const address of [addressOf(given), mailboxOf(given)?.address, emailOf(given)]) {
        if (address === undefined) continue;
        const [local = '', domain = '', ...more] = address.split('@');
        expect(more).toEqual([]);
        expect(address.length).toBeLessThanOrEqual(254);
        expect(STEERS.test(local) || STEERS.test(domain) || local === '' || domain === '').toBe(false);
      }
    }),
  );

  fuzz(
    'has a name in one line beside it, or none',
    1_000,
    fc.property(text, (given) => {
      const { name } = mailboxOf(given) ?? {};
      if (name !== undefined) expect(name).not.toMatch(/[\r\n\0"<>]/);
      expect(oneLine(given)).not.toMatch(/[\r\n\0\u2028]/);
    }),
  );
});

describe('whatever somebody is called', () => {
  fuzz(
    'is said in a letter only where no mail program makes a link or another sender of it',
    1_500,
    fc.property(text, (given) => {
      for (const said of [nameOf(given), sayable(given)]) {
        if (said === undefined) continue;
        expect(said.length).toBeLessThanOrEqual(100);
        expect(said.isWellFormed()).toBe(true);
        expect(said).not.toMatch(/[\r\n\0<>]|:\/\/|\u202e/);
        // An address is one with something left out, of which no mail program makes a link.
        if (said.includes('@')) expect(said).toMatch(/[*•·…].*@/);
      }
    }),
  );
});
